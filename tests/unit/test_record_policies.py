"""The page of recorded policies: what it is made of, and that it is the one of the script."""

from scripts.record_policies import CASES, PAGE, POLICIES, Recorded, page


def test_every_case_shows_policy_command_and_events():
    recorded = {case.policy: Recorded("said\n", f"event of {case.policy}\n") for case in CASES}
    text = page(recorded)
    for case in CASES:
        part = text.partition(f"\n## {case.title}\n")[2].partition("\n## ")[0]
        assert (POLICIES / f"{case.policy}.yaml").read_text() in part
        assert not case.command or f"$ {case.command}\nsaid\n" in part
        assert f"--policy-names {case.policy}" in part
        assert f"event of {case.policy}\n```" in part


def test_the_page_is_of_the_cases_and_every_one_has_events():
    text = PAGE.read_text()
    for case in CASES:
        part = text.partition(f"\n## {case.title}\n")[2].partition("\n## ")[0]
        assert not case.command or f"$ {case.command}\n" in part
        command, _, events = part.partition("$ osmia getevents ")[2].partition("\n")
        assert case.policy in command
        assert events.partition("\n```")[0].strip()
