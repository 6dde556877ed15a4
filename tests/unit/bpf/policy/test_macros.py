import pytest

from osmia_api.tracing_policy.selectors import Selector
from osmia_bpf.policy.macros import expanded
from osmia_bpf.policy.problems import HookError, Place

PLACE = Place(("s",))
PIDS = {"matchPIDs": [{"operator": "In", "values": [1]}]}
ACTIONS = {"matchActions": [{"action": "NoPost"}]}
MACROS = {
    "pids": Selector.model_validate(PIDS),
    "more": Selector.model_validate(PIDS | ACTIONS),
    "quiet": Selector.model_validate(ACTIONS),
    "nested": Selector.model_validate({"macros": ["pids"]}),
}


def test_fields_of_macros_join_those_of_the_selector():
    selector = Selector.model_validate({"macros": ["pids", "quiet"], "label": "mine"})
    assert expanded(selector, MACROS, PLACE) == Selector.model_validate(
        PIDS | ACTIONS | {"label": "mine", "macros": []}
    )


def test_without_macros_a_selector_stays_itself():
    selector = Selector.model_validate(PIDS)
    assert expanded(selector, MACROS, PLACE) is selector


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"macros": ["none"]}, r"s.macros\[0\]: there is no macro 'none'"),
        ({"macros": ["nested"]}, "names macros itself"),
        ({"macros": ["pids", "more"]}, r"macros\[1\]: macro 'more' gives matchPIDs"),
        ({"macros": ["pids"], **PIDS}, "'pids' gives matchPIDs, which is given already"),
    ],
)
def test_clashes(given, message):
    with pytest.raises(HookError, match=message):
        expanded(Selector.model_validate(given), MACROS, PLACE)
