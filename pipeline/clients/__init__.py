"""What the commands do on Kafka as ordinary clients: put events onto it, follow its topics."""
