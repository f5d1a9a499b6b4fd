"""Where in a model an error was raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.nn.modules.module import Module


def name_module(error: Exception, module: Module) -> None:
    """Add to an error the path of the module in which it was raised, such as ``encoder.layers.2.linear1``.

    Each module that the error passes on its way out puts its child's name in front. The path ends the message of the kinds of
    error that operations raise; other kinds, whose arguments may mean something, get it as a note (from Python 3.11 on).
    """
    path: list[Module] = getattr(error, "_module_path", [])
    if path and path[-1] is module:
        return
    path.append(module)
    try:
        error._module_path = path  # type: ignore[attr-defined]
    except AttributeError:  # an error class with slots: it keeps its message as it is
        return
    if len(path) == 1:
        error._message = error.args[0] if error.args else ""  # type: ignore[attr-defined]
    names = []
    for parent, child in zip(path[:0:-1], path[-2::-1], strict=True):
        below = parent.named_modules(remove_duplicate=False)  # not only the children: a list of modules isn't called itself
        names.append(next((name for name, each in below if each is child), type(child).__name__))
    where = f"in module {'.'.join(names)} ({type(path[0]).__name__})" if names else f"in module {type(path[0]).__name__}"
    message = error._message  # type: ignore[attr-defined]
    if isinstance(message, str) and isinstance(error, (RuntimeError, ValueError, TypeError, IndexError, AssertionError)):
        error.args = (f"{message}\n  {where}", *error.args[1:])
    elif hasattr(error, "add_note"):
        if len(path) > 1:
            error.__notes__.remove(error._module_note)  # type: ignore[attr-defined]
        error._module_note = where  # type: ignore[attr-defined]
        error.add_note(where)
