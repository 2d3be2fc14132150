"""omni: a real-time omnichannel customer-event pipeline."""
