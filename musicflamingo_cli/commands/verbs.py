"""What every command has: a help that shows all, options given once, and `-q` and `-v`."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from musicflamingo_cli import console
from musicflamingo_cli.commands.settings import Call, Option, Settings, gather
from musicflamingo_cli.errors import UsageError

CLICK_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""Base of Typer's usage errors. Typer carries its own copy of click in some versions, so it is found, not imported."""


def _common(
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default="mfq.toml beside the manifest, else in the working folder",
            help="Settings file; MFQ_<OPTION> variables count before it.",
        ),
    ] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Read no settings file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what was chosen, and where from.")] = False,
) -> None:
    """What every command takes."""


class Verb(TyperCommand):
    """A command whose options may stand in the environment or in a settings file too."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += _common_params()

    @cached_property
    def options(self) -> list[Option]:
        """Its options, as settings know them."""
        asked = inspect.unwrap(self.callback or _common)
        hints = {**typing.get_type_hints(_common), **typing.get_type_hints(asked)}
        return [_option(param, hints) for param in self.params if _is_set_anywhere(param)]

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters as the help shows them."""
        return _tidy(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what was typed, over what the environment and a settings file give."""
        settings, typed = Settings(), {}
        if not ctx.resilient_parsing:
            values, _, order = self.make_parser(ctx).parse_args(args=list(args))
            typed = {name: value for name, value in values.items() if value is not None}
            if all("--help" not in param.opts for param in order):
                settings = gather(Call(str(self.name), _all_options(ctx), typed, _manifest(self, typed)))
        ctx.meta[__name__] = settings
        ctx.default_map = {option.name: value for option, value in settings.values.items()}
        try:
            return super().parse_args(ctx, args)
        except CLICK_ERROR as problem:
            option = next(
                (o for o in self.options if o.name == getattr(getattr(problem, "param", None), "name", None)), None
            )
            if option is not None and option.choices:
                value = typed.get(option.name, settings.values.get(option))
                *most, last = option.choices
                said = f"{option.flag} {value}: it is {', '.join(most)} or {last}"
                raise UsageError(settings.explain(said)) from None
            origins = settings.explain(problem.format_message())[len(problem.format_message()) :]
            problem.message = problem.message + origins
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command, which sees none of the options that all have."""
        settings: Settings = ctx.meta[__name__]
        for name in ("config", "no_config"):
            ctx.params.pop(name, None)
        quiet, verbose = ctx.params.pop("quiet", False), ctx.params.pop("verbose", False)
        if quiet and verbose and _is_typed(ctx, "quiet") is _is_typed(ctx, "verbose"):
            raise UsageError(settings.explain("--quiet and --verbose exclude each other"))
        if quiet and verbose:  # The one that was typed counts.
            quiet, verbose = _is_typed(ctx, "quiet"), _is_typed(ctx, "verbose")
        console.speak(quiet=quiet, verbose=verbose)
        for line in settings.notes:
            console.note(line)
        for option in (one for one in self.options if one.name in ctx.params):
            origin = "the command line" if _is_typed(ctx, option.name) else settings.origins.get(option)
            if origin is not None:
                value = ctx.params.get(option.name)
                told = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
                console.detail(f"{option.flag} {told} (from {origin})")
        try:
            return super().invoke(ctx)
        except UsageError as problem:
            problem.args = (settings.explain(str(problem)),)
            raise


class Verbs(TyperGroup):
    """`mfq` itself."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters as the help shows them."""
        return _tidy(super().get_params(ctx))


def settings_of(context: typer.Context) -> Settings:
    """Return what a command was given by the environment and a settings file."""
    found = context.meta.get(__name__)
    return found if isinstance(found, Settings) else Settings()


def _is_typed(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@cache
def _common_params() -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_common)
    return list(typer.main.get_command(app).params)


def _is_set_anywhere(param: Any) -> bool:
    return param.param_type_name == "option" and not param.hidden and param.name != "help"


def _option(param: Any, hints: Mapping[str, Any]) -> Option:
    flags = tuple(name for name in param.opts if name.startswith("--"))
    hint = hints[param.name]
    kinds = [kind for kind in (int, float, bool) if kind in (hint, *typing.get_args(hint))]
    literal = next((k for k in (hint, *typing.get_args(hint)) if typing.get_origin(k) is typing.Literal), None)
    kind, choices = kinds[0] if kinds else str, tuple(map(str, typing.get_args(literal)))
    return Option(param.name, flags, kind, bool(param.multiple), param.metavar or "", choices)


def _manifest(command: Verb, typed: Mapping[str, Any]) -> str | None:
    """Return the file that a command is about: its first argument, if it is one."""
    names = [param.name for param in command.params if param.param_type_name == "argument" and param.metavar != "ID"]
    value = next((typed[name] for name in (*names, "input_") if typed.get(name)), None)
    return value[0] if isinstance(value, list | tuple) else value


def _all_options(ctx: Any) -> dict[str, list[Option]]:
    group = ctx.find_root().command
    commands = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    return {name: command.options for name, command in commands.items()}


def _tidy(params: list[Any]) -> list[Any]:
    """Let brackets in help texts stand, which rich takes for markup; name no type of flags and of arguments."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
        if param.param_type_name == "argument":  # Its name says it; some versions of Typer add `<list[str]>`.
            param.display_type_rich = lambda ctx: None
        if param.help and "[" in param.help:
            param.help = param.help.replace("\\[", "[").replace("[", "\\[")
    return params
