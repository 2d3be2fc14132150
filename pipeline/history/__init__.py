"""History: what happened, as rows to ask with SQL, in ClickHouse or in its embedded form.

`writer.open_history` is the way in for whoever writes (the Kafka sink, `simulate`), `reader.open_reader` for whoever
asks. The tables are in `migrations/`, numbered; what users query never shows a row twice, whatever is delivered again.
"""
