"""What the synthetic shop sells, where, and what its customers are called: kitchen, running, travel; four stores."""

from __future__ import annotations

from msgspec import Struct


class Product(Struct, frozen=True):
    """One product: price in cents of EUR, the sizes it comes in, and the SKUs that people tend to take with it."""

    sku: str
    name: str
    category: str
    price_minor: int
    goes_with: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """A town with one of our stores."""

    city: str
    store_id: str
    latitude: float
    longitude: float


_SHOES = ("38", "39", "40", "41", "42", "43", "44")
_CLOTHES = ("S", "M", "L", "XL")

PRODUCTS = (
    Product("ESP-LUCCA", "Lucca espresso machine", "kitchen.coffee", 64900, ("GRD-MOKA", "BEAN-MONTE", "CUP-DOPPIO")),
    Product("GRD-MOKA", "Moka burr grinder", "kitchen.coffee", 18900, ("BEAN-MONTE", "BRUSH-GRD")),
    Product("BEAN-MONTE", "Monte espresso beans, 1 kg", "kitchen.coffee", 2190, ("FILTER-H2O",)),
    Product("BEAN-KIVU", "Lake Kivu filter coffee, 500 g", "kitchen.coffee", 1490, ("PAPER-V60",)),
    Product("CUP-DOPPIO", "Doppio cups, set of four", "kitchen.coffee", 3490),
    Product("FILTER-H2O", "Water filter cartridges, pack of three", "kitchen.coffee", 2790),
    Product("BRUSH-GRD", "Grinder brush", "kitchen.coffee", 990),
    Product("DRIP-V60", "Hand drip set", "kitchen.coffee", 3990, ("PAPER-V60", "BEAN-KIVU")),
    Product("PAPER-V60", "Filter papers, 100 sheets", "kitchen.coffee", 590),
    Product("PAN-28", "Cast-iron pan, 28 cm", "kitchen.cookware", 8990, ("OIL-PAN", "GLOVE-HOT")),
    Product("OIL-PAN", "Seasoning oil", "kitchen.cookware", 1290),
    Product("GLOVE-HOT", "Oven gloves", "kitchen.cookware", 1990),
    Product("KNIFE-CHEF", "Chef's knife, 20 cm", "kitchen.knives", 11900, ("STONE-3K", "BOARD-OAK")),
    Product("STONE-3K", "Sharpening stone 1000/3000", "kitchen.knives", 4490),
    Product("BOARD-OAK", "Oak chopping board", "kitchen.knives", 5490),
    Product("RUN-AERO", "Aero running shoes", "running.shoes", 13990, ("SOCK-RUN", "BELT-RUN"), _SHOES),
    Product("RUN-TRAIL", "Ridge trail shoes", "running.shoes", 15490, ("SOCK-RUN", "VEST-TRAIL"), _SHOES),
    Product("SOCK-RUN", "Running socks, two pairs", "running.clothes", 1890, (), ("38-40", "41-43", "44-46")),
    Product("TEE-RUN", "Breeze running shirt", "running.clothes", 3990, ("SHORT-RUN",), _CLOTHES),
    Product("SHORT-RUN", "Pace running shorts", "running.clothes", 4490, (), _CLOTHES),
    Product("JKT-RAIN", "Drizzle running jacket", "running.clothes", 11990, ("CAP-RUN",), _CLOTHES),
    Product("CAP-RUN", "Running cap", "running.clothes", 2490),
    Product("BELT-RUN", "Running belt", "running.accessories", 2290, ("GEL-12",)),
    Product("VEST-TRAIL", "Trail vest with flasks", "running.accessories", 9490, ("GEL-12",)),
    Product("GEL-12", "Energy gels, box of twelve", "running.accessories", 2390),
    Product("BAG-CABIN", "Cabin trolley, 38 l", "travel.luggage", 17900, ("CUBE-SET", "TAG-BAG")),
    Product("PACK-45", "Trekking backpack, 45 l", "travel.luggage", 15900, ("RAIN-45", "CUBE-SET")),
    Product("RAIN-45", "Rain cover", "travel.luggage", 2490),
    Product("CUBE-SET", "Packing cubes, set of three", "travel.accessories", 3290),
    Product("TAG-BAG", "Leather luggage tag", "travel.accessories", 1490),
    Product("TENT-2", "Two-person tent", "travel.camping", 32900, ("MAT-AIR", "LAMP-LED")),
    Product("MAT-AIR", "Insulated air mat", "travel.camping", 10900, ("PUMP-BAG",)),
    Product("PUMP-BAG", "Pump bag", "travel.camping", 2990),
    Product("LAMP-LED", "Camping lantern", "travel.camping", 3990),
    Product("BOTTLE-1L", "Insulated bottle, 1 l", "travel.accessories", 3490),
)
BY_SKU = {product.sku: product for product in PRODUCTS}

PLACES = (
    Place("Hamburg", "HH-JUNGFERNSTIEG", 53.5534, 9.9937),
    Place("Berlin", "B-ROSENTHALER", 52.5277, 13.4020),
    Place("Köln", "K-EHRENSTRASSE", 50.9390, 6.9430),
    Place("München", "M-SENDLINGER", 48.1345, 11.5680),
)

FIRST_NAMES = (
    "Anna", "Jonas", "Mira", "Emre", "Lea", "Paul", "Aylin", "Felix", "Sofia", "Lukas", "Clara", "Mateo", "Nele",
    "Tim", "Hanna", "Milan", "Ida", "Oskar", "Zoe", "David", "Greta", "Karim", "Luisa", "Ben",
)  # fmt: skip
LAST_NAMES = (
    "Albrecht", "Behrens", "Çelik", "Dietz", "Engel", "Fischer", "Gruber", "Hoffmann", "Ivanova", "Jansen", "Krüger",
    "Lorenz", "Marković", "Nowak", "Otto", "Petersen", "Richter", "Schäfer", "Thiel", "Vogel", "Weiß", "Yıldız",
)  # fmt: skip
"""One last name in four needs more than ASCII, as in any real customer file."""
