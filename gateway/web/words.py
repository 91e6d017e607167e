"""What a page says to people about each code: what happened, and the way forward."""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """The one thing that a page offers to do next."""

    HOME = "home"
    LOGIN = "login"
    ACCOUNT = "account"
    CONSOLE = "console"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A heading, sentences, and where the button leads, with its label."""

    title: str
    text: str
    way: Way = Way.NONE
    label: str = ""
    causes: tuple[str, ...] = ()


def _home(title: str, text: str) -> Words:
    return Words(title=title, text=text, way=Way.HOME, label="Go to the start page")


def _login(title: str, text: str, *, causes: tuple[str, ...] = ()) -> Words:
    return Words(title=title, text=text, way=Way.LOGIN, label="Sign in again", causes=causes)


def _wait(title: str, text: str) -> Words:
    return Words(title=title, text=text)


CANCELLED = Words(
    title="Sign-in cancelled",
    text="You were not signed in. Nothing has changed, and you can try again whenever you like.",
    way=Way.LOGIN,
    label="Try again",
)
"""The person, or the issuer on their behalf, said no."""

_UNKNOWN = _home(
    "Something went wrong",
    "The request could not be completed. If it happens again, tell the people who run this site the "
    "request number below.",
)
_UNREADABLE = _home(
    "This request cannot be read",
    "Your browser sent something that could be understood in more than one way, so it was not passed on. "
    "Check the address, or go back and try again.",
)
_OUTAGE = _wait(
    "Unavailable for a moment",
    "A part of this site does not answer right now. Nobody was signed out by this; wait a few seconds "
    "and reload this page.",
)
_NOT_FOUND = _home("Page not found", "There is nothing at this address. Check it for typing mistakes.")
_UPSTREAM = _wait(
    "The application does not answer",
    "The application behind this address cannot be reached right now. Try again in a moment.",
)

_BY_CODE = {
    "bad_request": _UNREADABLE,
    "uri_too_long": _home("This address is too long", "Shorten the address and try again."),
    "header_too_large": _home(
        "Too much was sent along",
        "Your browser sent more headers than fit, often because of old cookies. Delete the cookies of "
        "this site and try again.",
    ),
    "content_too_large": _wait("Too large", "What you sent is larger than this site accepts."),
    "method_not_allowed": _home("This cannot be done here", "The address exists, but not for this action."),
    "misdirected_request": _wait(
        "Wrong address", "This server does not serve the host name in the address. Check it for mistakes."
    ),
    "request_timeout": _wait("Too slow", "The request took too long to arrive. Try again."),
    "not_found": _NOT_FOUND,
    "loop_detected": _wait(
        "Going round in circles",
        "This request came back to where it started. The people who run this site have to mend its routes.",
    ),
    "login_required": Words(
        title="Your session has ended",
        text="What you just sent was not delivered, and nothing of it was kept. Sign in in a new tab, "
        "come back to this one, go back a page and send it again.",
        way=Way.LOGIN,
        label="Sign in in a new tab",
    ),
    "insufficient_user_authentication": Words(
        title="Confirm that it is you",
        text="What you just sent was not delivered, because this page asks you to sign in once more first. "
        "Do so in a new tab, come back to this one, go back a page and send it again.",
        way=Way.LOGIN,
        label="Confirm in a new tab",
    ),
    "access_denied": Words(
        title="You may not open this page",
        text="You are signed in, but this page is not open to you. If it should be, ask the people who "
        "run this site.",
        way=Way.ACCOUNT,
        label="See who is signed in",
    ),
    "proxy_not_trusted": _wait(
        "Not for browsers",
        "This address answers the servers in front of this site, and nobody else.",
    ),
    "invalid_token": _wait(
        "This token is not accepted",
        "A program sent a token that has ended or is not for this address. It needs a new one.",
    ),
    "invalid_request": _wait(
        "These credentials cannot be read",
        "A program sent its token in a way that could be understood in more than one way.",
    ),
    "insufficient_scope": _wait(
        "This token is for something else",
        "A program sent a token that does not cover this address. It needs one with another scope.",
    ),
    "csrf_failed": _home(
        "This form has expired",
        "For your safety the form was not accepted: it was open for too long, or did not come from here. "
        "Go back, reload the page and send it again.",
    ),
    "password_refused": _home(
        "This password is not taken",
        "It is too short, too usual, or not what you typed the second time. Nothing was changed.",
    ),
    "account_kept": Words(
        title="This way to sign in stays",
        text="You are signed in with it, or it is the only one that you have. Nothing was removed: sign in "
        "another way first, then repeat it from your account page.",
        way=Way.ACCOUNT,
        label="Go to your account",
    ),
    "own_access_kept": Words(
        title="You cannot shut yourself out",
        text="Nothing was changed. Who is an administrator neither disables themselves nor takes the role "
        "admin from themselves, so that there is always one left: ask another administrator to do it.",
        way=Way.CONSOLE,
        label="Back to the console",
    ),
    "bad_return_target": _home(
        "This link leads elsewhere",
        "The link asked to continue at an address that does not belong to this site, so it was stopped here.",
    ),
    "OAuthCallbackError": _login(
        "Sign-in did not succeed",
        "The answer of the sign-in provider could not be accepted. Nothing was changed.",
    ),
    "AccessDenied": Words(
        title="You cannot sign in",
        text="The sign-in was refused. If you think that you should have access, ask the people who run "
        "this site.",
        way=Way.LOGIN,
        label="Sign in another way",
    ),
    "LoginExpired": _login(
        "This sign-in is no longer valid",
        "It was finished already, took longer than fifteen minutes, or was begun in another browser.",
    ),
    "OAuthAccountNotLinked": Words(
        title="This e-mail address is already in use",
        text="Somebody signs in here with the same e-mail address in another way. If that is you, sign in "
        "the way you did before, then add this account on your account page.",
        way=Way.LOGIN,
        label="Sign in another way",
    ),
    "FreshLoginRequired": Words(
        title="Sign in once more first",
        text="Another account can be added within five minutes of signing in. Nothing was added; sign in "
        "again and repeat it from your account page.",
        way=Way.ACCOUNT,
        label="Go to your account",
    ),
    "ProofTooOld": _home(
        "Your sign-in was not recent enough",
        "This page is open only shortly after signing in, and the sign-in provider did not ask you again. "
        "You are still signed in; sign out at the provider too, then try once more.",
    ),
    "ProofTooWeak": _home(
        "This page asks for a stronger sign-in",
        "You are still signed in, but not in a way that opens this page, for example with a second factor. "
        "If you cannot sign in more strongly, ask the people who run this site.",
    ),
    "ProofByAnother": Words(
        title="That was somebody else",
        text="You were asked to confirm who you are, and another person signed in. Nothing has changed: you "
        "are signed in as before. To go on as somebody else, sign out first.",
        way=Way.ACCOUNT,
        label="See who is signed in",
    ),
    "InitiationRefused": _login(
        "This link is not for this site",
        "It asks to sign in at another provider than the one it leads to, so it was stopped here. Nothing "
        "was changed.",
    ),
    "LoginLoop": _login(
        "You keep being signed out",
        "You have signed in several times within a minute, but your browser did not keep the session.",
        causes=(
            "Cookies are blocked for this site: allow them, or leave private browsing.",
            "The clock of this device is wrong: set it to the right time.",
            "Too many cookies are stored: delete the cookies of this site.",
        ),
    ),
    "CredentialsSignin": _login(
        "Sign-in did not succeed", "This e-mail address and this password do not belong together."
    ),
    "TooManyAttempts": _login(
        "Too many attempts",
        "The password was wrong too often, so sign-in here pauses for up to a quarter of an hour. Who is "
        "signed in already stays so.",
    ),
    "SessionTooLarge": _wait(
        "Your profile is too large",
        "The sign-in provider sent more about you, often group memberships, than a session can hold. The "
        "people who run this site can limit what is kept.",
    ),
    "unavailable": _OUTAGE,
    "store_unavailable": _OUTAGE,
    "issuer_unavailable": Words(
        title="The sign-in provider does not answer",
        text="You can be signed in as soon as it is back. Wait a moment and try again.",
        way=Way.LOGIN,
        label="Try again",
    ),
    "signout_incomplete": _wait(
        "Sign-out is incomplete",
        "This browser is signed out. Copies of the session elsewhere may work a little longer, because "
        "the end could not be recorded yet; it will be, without you doing anything.",
    ),
    "too_many_requests": _wait(
        "Too many requests",
        "More was asked here in a short time than one person may. Wait a little and try again.",
    ),
    "upstream_busy": _wait(
        "The application is busy",
        "More people than the application behind this address can serve wait for it right now. Try again in "
        "a moment.",
    ),
    "upstream_unreachable": _UPSTREAM,
    "upstream_broken": _UPSTREAM,
    "upstream_timeout": _UPSTREAM,
    "identity_unrepresentable": _wait(
        "Your profile cannot be passed on",
        "Your name or another part of your profile holds characters that the application cannot receive.",
    ),
}


def words_for(code: str) -> Words:
    """Return the words for *code*; an unknown one gets a page that names nothing."""
    return _BY_CODE.get(code, _UNKNOWN)
