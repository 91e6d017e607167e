"""The `gateway` command: one file a verb, imported only when it is asked for.

Law: nothing is imported here but click, so that `gateway --help` answers at once.
"""

import gc
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple

import click

from gateway import __version__

_COLLECT_AFTER = 100_000  # objects made and still held


class Verb(NamedTuple):
    """Where a subcommand is found, and its line in the overview."""

    module: str
    attribute: str
    summary: str


def _verb(name: str, summary: str) -> Verb:
    return Verb(module=f"gateway.cli.{name}", attribute="command", summary=summary)


VERBS: Mapping[str, Verb] = {
    "run": _verb("run", "Serve what gateway.toml says."),
    "demo": _verb("demo", "Try it out: a sample app, a local issuer, and the gateway in front."),
    "init": _verb("init", "Write a commented gateway.toml, a key, and the first administrator."),
    "check": _verb("check", "Read the configuration; tell every fault, or what is in force."),
    "routes": _verb("routes", "List the routes, the most specific first."),
    "explain": _verb("explain", "Tell what would become of one request, rule by rule."),
    "keys": _verb("keys", "List the keys, put a new one first, print the public ones."),
    "users": _verb("users", "List, add, disable, enable and delete users; roles, accounts and passwords."),
    "audit": _verb("audit", "Read what was done, by whom, and what became of it."),
    "hash-password": _verb("hash_password", "Print the hash of a password."),
    "sessions": _verb("sessions", "List who is signed in, and end sessions."),
    "tokens": _verb("tokens", "Make, list and revoke personal access tokens."),
    "db": _verb("db", "Create the database, bring it up to date, or copy it."),
    "schema": _verb("schema", "Print the JSON Schema of gateway.toml, or every key with its default."),
    "migrate": _verb("migrate", "Say in our words what an oauth2-proxy's configuration says."),
    "healthcheck": _verb("healthcheck", "Ask a running gateway whether it is ready, for containers."),
}


class Verbs(click.Group):
    """A group whose subcommands are known by name and summary before they are imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        verb = VERBS[cmd_name]
        command = getattr(import_module(verb.module), verb.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.module}.{verb.attribute} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown one is refused with the nearest spelling."""
        name = args[0]
        close = get_close_matches(name, VERBS, n=1)
        if name not in VERBS and close and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: gateway check --config gateway.toml && gateway run",
)
@click.version_option(__version__, prog_name="vestibule")
def main() -> None:
    """Vestibule: an authentication gateway for web apps that know nothing of OAuth."""
    # What a command imports stays: looking for garbage in it again and again is a sixth of a start.
    gc.set_threshold(_COLLECT_AFTER)
