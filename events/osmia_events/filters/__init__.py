"""Export filters: allow and deny lists.

Each module holds one family of conditions, named as in the configuration; `compiled` puts those
of one filter together and `filter_set` those of the two lists. The room imports the event model,
`config`, `labels`, `regex`, `cel` and `memo`.
"""

from osmia_events.filters.filter_set import FilterSet

__all__ = ["FilterSet"]
