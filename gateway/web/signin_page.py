"""The sign-in page: the form for a password, and a button for each issuer, which keeps what the page's
address says to the issuer.

Somebody who has to type their password again sees the form alone.
"""

from collections.abc import Sequence

from gateway.errors import CredentialsRefused, ProofTooWeak
from gateway.flows.login import LoginProvider
from gateway.flows.password import PasswordProvider
from gateway.flows.resume import Resume
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from gateway.web.csrf import Csrf
from gateway.web.errors import explaining
from gateway.web.hints import as_query, hints
from gateway.web.pages import Pages
from gateway.web.person import display_name
from gateway.web.purpose import Purpose, Purposes
from gateway.web.query import Fields
from gateway.web.visit import Visit


class SignInPage:
    """Shows how one can sign in. Without *passwords* there is no form."""

    def __init__(
        self,
        *,
        providers: Sequence[LoginProvider],
        passwords: PasswordProvider | None,
        purposes: Purposes,
        resume: Resume,
        csrf: Csrf,
        pages: Pages,
    ) -> None:
        self._providers = providers
        self._passwords = passwords
        self._purposes = purposes
        self._resume = resume
        self._csrf = csrf
        self._pages = pages

    def show(
        self,
        visit: Visit,
        purpose: Purpose,
        *,
        refused: CredentialsRefused | None = None,
        typed: Fields | None = None,
    ) -> Answer:
        """Return the page; after a wrong password with what was *typed*, less the password.

        Raises ProofTooWeak where typing it again would be in vain.
        """
        again = self._again(purpose)
        token = self._csrf.issue(visit.inbound.headers)
        facts = {
            "providers": () if again else self._providers,
            "hinted": as_query(hints(visit.query)),
            "passwords": self._passwords,
            "return_to": purpose.return_to,
            "route": purpose.route,
            "csrf": token.text,
            "name": self._name(visit.inbound),
            "again": again is not None,
            "refused": refused is not None,
            "username": (typed.one("username") or "") if typed else _address(again),
            "shared": (visit.query if typed is None else typed).one("remember") == "false",
        }
        # Browsers hold the redirect after a form to the page's policy too.
        departs = bool(facts["providers"]) or not (purpose.return_to or "/").startswith("/")
        return self._pages.form(
            "signin.html",
            facts,
            cookies=token.cookies,
            departs=departs,
            status=refused.status if refused else 200,
            headers=explaining(refused) if refused else (),
        )

    def _again(self, purpose: Purpose) -> Session | None:
        """Return the session of somebody who has to type their password again, None for anybody else."""
        if self._passwords is None or purpose.step_up_at(self._passwords.id) is None:
            return None
        if self._purposes.in_vain(purpose):
            raise ProofTooWeak("a password cannot meet what the route demands")
        return purpose.session

    def _name(self, inbound: Inbound) -> str:
        resumed = self._resume.at_once(inbound, asks_for_roles=False)
        return display_name(resumed.session.identity) if resumed and resumed.session else ""


def _address(session: Session | None) -> str:
    return (session.identity.email or "") if session else ""
