"""What tests against a real broker share: workers as processes, events in, topics and tables out."""
