"""What Prometheus and Grafana are given: the table of metrics, and dashboards as code."""
