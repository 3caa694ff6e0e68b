"""What may be meant and may be a slip, in a campaign that is entered: asked once, and saved where the answer is yes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import Campaign, Voucher


@dataclass(frozen=True)
class Question:
    """`answer` confirms just this: another value is another question. `vouchers` are those that expire at once."""

    answer: str
    vouchers: int = 0


class Unconfirmed(Exception):
    """Nothing was saved yet: `questions`, by field, wait for their answers."""

    def __init__(self, questions: dict[str, Question]):
        super().__init__(", ".join(questions))
        self.questions = questions


def about(columns: dict[str, Any], before: Campaign | None, now: datetime) -> dict[str, Question]:
    """The questions about a campaign of these columns, by field; about what is as it was `before` none is asked."""
    found = {}
    if columns["ends_at"] <= now and not (before and before.ends_at == columns["ends_at"]):
        found["ends_at"] = Question(f"ends_at {columns['ends_at'].isoformat()}", _good(before, now))
    uses, quantity = columns["uses_per_voucher"], columns["quantity"]
    as_before = before and (before.published_at or (before.uses_per_voucher, before.quantity) == (uses, quantity))
    if uses > quantity and not as_before:
        found["uses_per_voucher"] = Question(f"uses_per_voucher {uses} of {quantity}")
    return found


def ask(columns: dict[str, Any], before: Campaign | None, now: datetime, answers: list[str] | None) -> None:
    """Raise Unconfirmed where a question has no answer; where `answers` is None, none is asked."""
    if answers is None:
        return
    questions = about(columns, before, now)
    open_ones = {name: question for name, question in questions.items() if question.answer not in answers}
    if open_ones:
        raise Unconfirmed(open_ones)


def _good(campaign: Campaign | None, now: datetime) -> int:
    """How many vouchers of the campaign are good for something now."""
    if campaign is None or campaign.is_over(now):
        return 0
    return (
        Voucher.select()
        .where((Voucher.campaign == campaign) & (Voucher.uses_left > 0) & Voucher.revoked_at.is_null())
        .count()
    )
