"""Keys of an oauth2-proxy are read leniently, and those that nobody asked for are told."""

from gateway.settings.oauth2_proxy_keys import Theirs


def test_a_list_may_be_one_text_or_have_the_name_of_a_flag() -> None:
    theirs = Theirs({"upstream": "http://a, http://b", "email-domains": ["x", 7]})
    assert theirs.words("upstreams") == ["http://a", "http://b"]
    assert theirs.words("email_domains") == ["x"]
    assert list(theirs.told()) == []


def test_another_type_is_told_and_left_out() -> None:
    theirs = Theirs({"client_id": 7, "reverse_proxy": "yes"})
    assert (theirs.text("client_id"), theirs.flag("reverse_proxy", default=True)) == ("", True)
    assert [key for key, _ in theirs.told()] == ["client_id", "reverse_proxy"]


def test_what_nobody_asked_for_is_told_after_what_was_told() -> None:
    theirs = Theirs({"ping_path": "/ping", "banner": "x", "new_key": 1, "client_id": "x"})
    assert theirs.text("client_id") == "x"
    theirs.tell("client_id", "is kept")
    told = list(theirs.told())
    assert [key for key, _ in told] == ["client_id", "ping_path", "new_key"]
    assert "/livez" in told[1][1]
