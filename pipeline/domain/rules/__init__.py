"""The rules in force: every version of the file, and how its rules are asked."""
