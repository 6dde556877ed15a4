import pytest

from osmia_api.tracing_policy.actions import Action
from osmia_bpf.policy.actions import ActionNumber, Effect, effect, rate_limit_ns
from osmia_bpf.policy.problems import HookError, Place

PLACE = Place(("s",))


def read(*actions):
    return effect([Action.model_validate(action) for action in actions], PLACE)


def test_no_action_posts():
    assert effect([], PLACE) == Effect()
    assert Effect().post
    assert Effect().reported is ActionNumber.POST


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("5s", 5),
        ("2m", 120),
        ("1H", 3600),
        (" 3 ", 3),
        ("99999999h", 4294967.295),
        ("9" * 5000, 4294967.295),
        ("0" * 5000 + "7", 7),
    ],
)
def test_rate_limits(text, seconds):
    assert rate_limit_ns(text, PLACE) == round(seconds * 1e9)


@pytest.mark.parametrize("text", ["", "x", "5d", "-1", "1.5s", "m"])
def test_what_is_no_rate_limit(text):
    with pytest.raises(HookError, match="is not a number of seconds"):
        rate_limit_ns(text, PLACE)


def test_several_actions_come_together():
    found = read(
        {"action": "Sigkill"}, {"action": "Override", "argError": -1}, {"action": "NoPost"}
    )
    assert found.signals == (9,)
    assert found.error == -1
    assert not found.post
    assert found.reported is ActionNumber.NOPOST


def test_sigkill_stands_alone_whatever_signals_come_with_it():
    user1, user2 = ({"action": "Signal", "argSig": number} for number in (10, 12))
    assert read(user1, user2).signals == (10, 12)
    assert read({"action": "Sigkill"}, user1).signals == (9,)
    assert read(user1, {"action": "Sigkill"}, user2).signals == (9,)


def test_post_keeps_its_options():
    found = read(
        {"action": "Post", "rateLimit": "1m", "rateLimitScope": "Process", "userStackTrace": True}
    )
    assert found.rate_limit_ns == 60_000_000_000
    assert found.rate_limit_scope == "process"
    assert found.user_stack
    assert not found.kernel_stack


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"action": "GetUrl", "argUrl": "http://a"}, r"s\[0\].action: GetUrl is not"),
        ({"action": "Signal", "argSig": 65}, "65 is not a signal"),
        ({"action": "Signal"}, "0 is not a signal"),
        ({"action": "Override", "argError": -5000}, "-5000 is not an error number"),
        (
            {"action": "Post", "rateLimit": "1", "rateLimitScope": "galaxy"},
            "'galaxy' is not one of",
        ),
        ({"action": "Sigkill", "rateLimit": "1"}, "for the action Post only"),
        ({"action": "NoPost", "kernelStackTrace": True}, "for the action Post only"),
    ],
)
def test_what_cannot_be_done(action, message):
    with pytest.raises(HookError, match=message):
        read(action)


def test_too_many_actions():
    with pytest.raises(HookError, match="at most 3"):
        read(*[{"action": "NoPost"}] * 4)
