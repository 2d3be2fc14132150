"""What a product answers to a customer who has taken an interest in it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.messages.effects import Effect, Send
from pipeline.domain.messages.keys import customer_key, product_key
from pipeline.domain.messages.to_customer import Complement, Complements
from pipeline.domain.messages.to_product import AskComplements
from pipeline.domain.product.keys import category_key, category_of
from pipeline.domain.product.state import ProductState


def answered(state: ProductState | None, question: AskComplements) -> Sequence[Effect]:
    """Answer; a product that is new lets its category answer, and a category does so in its name, if it is sure.

    Without complements, a rhythm or a next question there is no answer.
    """
    if state is None:
        return _answer(question, (), None) if question.then else ()
    companions = state.companions
    category = state.category
    if companions.is_new and category and not question.new:
        key = category_key(category)
        onward = replace(question, sku=key, new=question.sku)
        return (Send("product", product_key(question.tenant, key), onward),)
    complements, rhythm_days = companions.complements(only_sure=bool(question.new)), companions.rhythm_days()
    if not complements and rhythm_days is None and not question.then:
        return ()
    return _answer(question, complements, rhythm_days)


def _answer(
    question: AskComplements, complements: tuple[Complement, ...], rhythm_days: float | None
) -> tuple[Effect, ...]:
    answer = Complements(
        question.tenant,
        question.customer_id,
        question.new or question.sku,
        complements,
        question.event_id,
        question.asked_at_ms,
        question.channel,
        question.then,
        rhythm_days,
        category_of(question.sku),
        question.part,
    )
    return (Send("customer", customer_key(question.tenant, question.customer_id), answer),)
