"""The channels that a rule may use."""

from __future__ import annotations

ADDRESS_KIND: dict[str, str] = {
    "email": "email",
    "sms": "phone",
    "call_center": "phone",
    "push": "device",
    "app": "device",
    "web": "cookie",
    "ads": "cookie",
    "voice": "voice_profile",
    "social": "social",
}
"""Channel a rule may use → the identifier kind it reaches a customer by."""
