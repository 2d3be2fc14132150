"""Where the events travel: a local Apache Kafka of this project's own, Docker's, a given one, or memory."""


class BrokerError(Exception):
    """A broker cannot be had: the message says why, and what would help."""
