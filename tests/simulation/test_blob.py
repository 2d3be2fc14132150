"""Values of a store that thousands of customers leave: they stop linking, and cost no more than anybody's own."""

from __future__ import annotations

from collections import Counter

from tests.bench.blob import Shop, stream


def told(customers: int, shared: bool) -> Shop:
    shop = Shop()
    for event in stream(customers, shared):
        shop.tell(event)
    return shop


def test_a_phone_an_address_and_a_tablet_seen_with_five_thousand_customers_stop_linking_and_each_refusal_is_named() -> (
    None
):
    shop = told(5_000, shared=True)

    assert shop.above_limits() == []
    assert shop.simulation.distinct_events() == 25_000
    refused = [change for change in shop.simulation.identity_changes() if change.change == "refused"]
    assert Counter((change.kind, change.reason) for change in refused) == {
        ("phone", "kind_limit"): 9,  # one customer has it, nine asked in vain: from then on nobody is asked
        ("phone", "customers_per_value"): 4_990,
        ("device", "kind_limit"): 9,
        ("device", "customers_per_value"): 4_990,
        ("cookie", "kind_limit"): 4_995,  # whoever gives the address of the store is one customer
    }
    assert shop.simulation.counted()["identity_refusals"] == len(refused)
    assert max(each.messages for each in shop.told) == 6  # the event's own two, and two for each of two claims


def test_events_with_values_of_the_store_need_no_more_messages_than_those_with_everybodys_own() -> None:
    of_the_store, own = told(500, shared=True), told(500, shared=False)

    assert sum(each.messages for each in of_the_store.told) <= sum(each.messages for each in own.told)
    assert max(each.messages for each in of_the_store.told) <= max(each.messages for each in own.told)
