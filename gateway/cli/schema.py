"""`gateway schema`: the shape of gateway.toml, for editors and for people."""

import click


@click.command("schema", epilog="Example: gateway schema > schema.json")
@click.option("--reference", is_flag=True, help="Print every key with its default, as TOML.")
def command(*, reference: bool) -> None:
    """Print the JSON Schema of gateway.toml, or every key with its default."""
    from gateway.settings.reference import reference_toml, schema_json

    click.echo(reference_toml() if reference else schema_json(), nl=False)
