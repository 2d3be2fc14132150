"""The streaming chassis: batches of one partition under Faust, exact under crashes. See README.md in this folder."""
