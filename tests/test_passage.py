from gateway.passage import Passage


def test_nothing_is_known_of_a_request_that_has_just_come() -> None:
    passage = Passage(request_id="r-1", peer="192.0.2.7", started=1.5)
    assert (passage.inbound, passage.route, passage.session) == (None, None, None)
    assert (passage.decision, passage.status, passage.leave) == ("", 0, ())


def test_two_passages_are_never_the_same() -> None:
    one, other = (Passage(request_id="r-1", peer="192.0.2.7", started=1.5) for _ in range(2))
    assert one != other
