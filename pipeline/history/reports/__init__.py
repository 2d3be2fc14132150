"""Reports: questions to the history that people ask again and again, each one SQL file with its own explanation.

The head of a file is its docstring: a sentence, more about it, the parameters, the chart. What several of them need is
in `parts/`. `catalogue` reads the files, `values` turns what a person types into SQL, `asking` gets the answer. `omni
report`, dashboards and the console send the same text. Embedded chdb and ClickHouse from 18.16 on both understand it:
no WITH of subqueries, no window functions, one JOIN a SELECT, with its strictness and both sides named.
"""
