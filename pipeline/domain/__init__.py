"""The business, pure: functions of state, message and time. No Kafka, no clock, no I/O."""
