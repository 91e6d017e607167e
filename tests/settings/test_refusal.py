from gateway.settings.refusal import Refused, related


def test_a_table_and_a_key_inside_it_are_related_and_two_siblings_are_not() -> None:
    assert related(("routes",), ("routes", 2, "path"))
    assert related(("routes", 2, "path"), ("routes", 2))
    assert not related(("routes", 1), ("routes", 2))
    assert not related(("session", "lease"), ("session", "max_age"))


def test_a_refusal_carries_its_suggestion_apart_from_its_sentence() -> None:
    refusal = Refused("is wrong", "write it right")
    assert (str(refusal), refusal.suggestion) == ("is wrong", "write it right")
