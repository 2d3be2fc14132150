"""Where the events travel: a local Apache Kafka of this project's own, Docker's, a given one, or memory."""
