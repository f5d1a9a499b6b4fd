"""Module: what every layer and model is made of."""

from __future__ import annotations

import functools
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from framework.autograd.grad_mode import no_grad
from framework.autograd.graph import RemovableHandle, Variable
from framework.dtypes import dtype as DType
from framework.dtypes import float16, float32, float64
from framework.nn.modules.hooks import BackwardObserver, hook_every_module, hooks_of
from framework.nn.parameter import Buffer, Parameter
from framework.ops.creation import empty_like
from framework.tensor import Tensor

T = TypeVar("T", bound="Module")

_REGISTRIES = ("_parameters", "_buffers", "_modules")
_EXTRA_STATE = "_extra_state"  # the key of what a subclass adds to its state

IncompatibleKeys = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])


class _IncompatibleKeys(IncompatibleKeys):
    """What ``load_state_dict`` gives back."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class Module:
    """Base class of all layers and models.

    Parameters, buffers and submodules that are assigned as attributes are registered under their names. Subclasses
    call ``super().__init__()`` first and define :meth:`forward`.

    >>> import framework
    >>> class Scale(framework.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = framework.nn.Parameter(framework.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(framework.tensor(3.0)).item()
    6.0
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers: set[str]

    # Hooks, by kind. The dictionaries are made when the first hook is registered: most modules have none.
    _forward_hooks: dict[int, tuple[Callable[..., Any], bool, bool]] | None = None
    _forward_pre_hooks: dict[int, tuple[Callable[..., Any], bool]] | None = None
    _backward_hooks: dict[int, Callable[..., Any]] | None = None
    _backward_pre_hooks: dict[int, Callable[..., Any]] | None = None
    _state_dict_hooks: dict[int, Callable[..., Any]] | None = None
    _state_dict_pre_hooks: dict[int, Callable[..., Any]] | None = None
    _load_state_dict_pre_hooks: dict[int, Callable[..., Any]] | None = None
    _load_state_dict_post_hooks: dict[int, Callable[..., Any]] | None = None
    _hooked = False  # whether a call has to look at hooks at all

    def __init__(self) -> None:
        # Around our own __setattr__, which needs the dictionaries to be there.
        set_plainly = super().__setattr__
        set_plainly("training", True)
        set_plainly("_parameters", {})
        set_plainly("_buffers", {})
        set_plainly("_modules", {})
        set_plainly("_non_persistent_buffers", set())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooked:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            _name_module(error, self)
            raise

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in hooks_of(self, "_forward_pre_hooks"):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is None:
                continue
            if with_kwargs:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed!r}."
                    )
                args, kwargs = changed
            else:
                args = changed if isinstance(changed, tuple) else (changed,)
        observer = BackwardObserver(self)
        watched = bool(observer.hooks or observer.pre_hooks)
        if watched:
            args = observer.watch_inputs(args)
        done, result = False, None
        try:
            result = self.forward(*args, **kwargs)
            done = True
        finally:
            for hook, with_kwargs, always in hooks_of(self, "_forward_hooks"):
                if done or always:
                    changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                    result = result if changed is None else changed
        return observer.watch_outputs(result) if watched else result

    # ---- Attributes ---------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        # Only reached when the ordinary look-up fails, which it does for everything registered.
        for registry in _REGISTRIES:
            entries = self.__dict__.get(registry)
            if entries is not None and name in entries:
                return entries[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in fields:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in fields:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            fields["_modules"][name] = value
        elif name in fields.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as parameter '{name}' (framework.nn.Parameter or None expected)"
                )
            fields["_parameters"][name] = None
        elif name in fields.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' (framework.nn.Module or None expected)"
                )
            fields["_modules"][name] = None
        elif name in fields.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as buffer '{name}' "
                    "(framework.nn.Buffer, framework.Tensor or None expected)"
                )
            if isinstance(value, Buffer):
                self.register_buffer(name, value, value.persistent)
            else:
                fields["_buffers"][name] = value
        elif isinstance(value, Buffer):
            if "_buffers" not in fields:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        else:
            super().__setattr__(name, value)

    def _forget(self, name: str, registry: str) -> None:
        """Take a name out of wherever it stands but ``registry``, where it keeps its place."""
        fields = self.__dict__
        fields.pop(name, None)
        for other in _REGISTRIES:
            if other != registry:
                fields[other].pop(name, None)
        fields["_non_persistent_buffers"].discard(name)

    def __delattr__(self, name: str) -> None:
        for registry in _REGISTRIES:
            if name in self.__dict__[registry]:
                del self.__dict__[registry][name]
                self._non_persistent_buffers.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]
        return sorted({name for name in names if not name[:1].isdigit()})

    def _check_name(self, name: str, kind: str, registry: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter under a name; None reserves the name for a parameter that is absent.

        Raises:
            KeyError: If the name is taken, empty or has a dot.
            TypeError: If ``param`` is no Parameter.
            ValueError: If it is the result of a recorded operation.
        """
        self._check_name(name, "parameter", "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' (framework.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express "
                f"'{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is part of the module's state but not trained.

        Raises:
            KeyError: If the name is taken, empty or has a dot.
            TypeError: If ``tensor`` is no Tensor.
        """
        self._check_name(name, "buffer", "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (framework.Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.discard(name)
        else:
            self._non_persistent_buffers.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register a submodule under a name.

        Raises:
            KeyError: If the name is taken, empty or has a dot.
            TypeError: If ``module`` is no Module.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_name(name, "module", "_modules")
        self._modules[name] = module

    register_module = add_module

    # ---- Walking -------------------------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their dotted paths."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in getattr(module, registry).items():
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names; shared ones once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters; shared ones once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with their dotted names."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The submodule at a dotted path; this module for an empty one.

        Raises:
            AttributeError: If there is none.
        """
        module: Module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path; with ``strict`` only in the place of another.

        Raises:
            AttributeError: If the path leads nowhere.
            ValueError: For an empty path, and for what is no Module.
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        if strict:
            self.get_submodule(target)
        path, _, name = target.rpartition(".")
        setattr(self.get_submodule(path), name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path.

        Raises:
            AttributeError: If there is none.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        parameter = getattr(module, name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path.

        Raises:
            AttributeError: If there is none.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    def apply(self: T, fn: Callable[[Module], Any]) -> T:
        """Call ``fn`` on every submodule, then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- State ---------------------------------------------------------------------------------------------------------

    def train(self: T, mode: bool = True) -> T:
        """Set training mode here and below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: T) -> T:
        """Set evaluation mode: dropout off, running statistics used."""
        return self.train(False)

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Set whether the parameters get gradients."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                if set_to_none:
                    parameter.grad = None
                else:
                    if parameter.grad.requires_grad:
                        parameter.grad = parameter.grad.detach()
                    parameter.grad.zero_()

    def _apply(self: T, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> T:
        """Replace the data of every parameter, gradient and buffer by ``fn`` of it."""
        for module in self.modules() if recurse else (self,):
            for parameter in module._parameters.values():
                if parameter is None:
                    continue
                with no_grad():
                    parameter.data = fn(parameter.data)
                    if parameter.grad is not None:
                        gradient = fn(parameter.grad.detach())
                        parameter.grad = None
                        parameter.grad = gradient
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = fn(buffer)
        return self

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Change the dtype of floating-point parameters and buffers, in place; the device can only be ``"cpu"``.

        Takes what :meth:`Tensor.to` takes.
        """
        from_arguments = [value for value in (*args, kwargs.get("dtype"), kwargs.get("tensor")) if value is not None]
        wanted = [value.dtype if isinstance(value, Variable) else value for value in from_arguments]  # type: ignore[attr-defined]
        for value in wanted:
            if isinstance(value, DType) and not value.is_floating_point:
                raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={value}")
        unnamed = [value for value in args if not (isinstance(value, DType))]
        named = {key: value for key, value in kwargs.items() if key != "dtype"}
        dtypes = [value for value in wanted if isinstance(value, DType)]

        def convert(tensor: Tensor) -> Tensor:
            if unnamed or named:
                checked = [value for value in unnamed if not isinstance(value, Variable)]
                tensor = tensor.to(*checked, **named) if checked or named else tensor
            return tensor.to(dtypes[-1]) if dtypes and tensor.is_floating_point() else tensor

        return self._apply(convert)

    def _cast(self: T, dtype: DType) -> T:
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def float(self: T) -> T:
        """Cast floating-point parameters and buffers to float32."""
        return self._cast(float32)

    def double(self: T) -> T:
        """Cast floating-point parameters and buffers to float64."""
        return self._cast(float64)

    def half(self: T) -> T:
        """Cast floating-point parameters and buffers to float16."""
        return self._cast(float16)

    def cpu(self: T) -> T:
        """Does nothing: the CPU is where everything is."""
        return self

    def cuda(self: T, device: Any = None) -> T:
        """Raises RuntimeError: there is no GPU memory here."""
        raise RuntimeError("Module.cuda() is not supported: models live in main memory; leave it out, or use .to('cpu')")

    def type(self: T, dst_type: DType | str) -> T:
        """Cast all parameters and buffers."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Give all parameters and buffers new memory, whose contents are undefined; the device can only be ``"cpu"``."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse)

    def bfloat16(self: T) -> T:
        """Refused: NumPy has no such numbers."""
        raise RuntimeError("Module.bfloat16() is not supported: NumPy has no such numbers; use float(), or half() to store")

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Refused: operations run as they are called."""
        raise RuntimeError("Module.compile() is not supported: operations run as they are called; leave it out")

    def register_backward_hook(self, hook: Any) -> None:
        """Refused: deprecated in PyTorch, where it may see part of a module's gradients only."""
        raise RuntimeError("Module.register_backward_hook() is not supported; use register_full_backward_hook()")

    def share_memory(self: T) -> T:
        """Refused: tensors can't be shared between processes."""
        raise RuntimeError("Module.share_memory() is not supported; send state_dict() to the other process instead")

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name, in PyTorch's names and order.

        The tensors share memory with the module's: copy them to keep a snapshot.
        """
        result = OrderedDict() if destination is None else destination
        for hook in list((self._state_dict_pre_hooks or {}).values()):
            hook(self, prefix, keep_vars)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                result[prefix + name] = parameter if keep_vars else parameter.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers:
                result[prefix + name] = buffer if keep_vars else buffer.detach()
        if self._has_extra_state():
            result[prefix + _EXTRA_STATE] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=result, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in list((self._state_dict_hooks or {}).values()):
            hook(self, result, prefix, {})
        return result

    def get_extra_state(self) -> Any:
        """What a subclass adds to its ``state_dict``, under ``_extra_state``; it also defines :meth:`set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: a module that defines "
            "set_extra_state() defines get_extra_state(), too"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what :meth:`get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: a module that defines "
            "get_extra_state() defines set_extra_state(), too"
        )

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Module.get_extra_state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy values from a ``state_dict`` into the parameters and buffers.

        Nothing is changed when the state doesn't fit, unless a post-hook might yet forgive missing and unexpected keys.

        Args:
            state_dict: Tensors by dotted name.
            strict: Whether missing and unexpected keys are errors.
            assign: Take the tensors themselves in place of copying their values.

        Raises:
            RuntimeError: With every key and shape that doesn't fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        state = OrderedDict(state_dict)
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        writes: list[Callable[[], None]] = []
        post_hooks: list[Callable[[], Any]] = []
        metadata = {"assign": assign, "writes": writes}

        def load(module: Module, prefix: str) -> None:
            # Missing and unexpected keys are always collected; whether they are errors is decided at the end.
            module._load_from_state_dict(state, prefix, metadata, True, missing, unexpected, problems)
            for name, child in module._modules.items():
                if child is not None:
                    load(child, prefix + name + ".")
            if module._load_state_dict_post_hooks:
                incompatible = _IncompatibleKeys(missing, unexpected)
                post_hooks.extend(
                    functools.partial(hook, module, incompatible)
                    for hook in module._load_state_dict_post_hooks.values()
                )

        def check() -> None:
            found = list(problems)
            for title, keys in (("Unexpected", unexpected), ("Missing", missing)) if strict else ():
                if keys:
                    listed = ", ".join(f'"{key}"' for key in keys)
                    found.insert(0, f"{title} key(s) in state_dict: {listed}. ")
            if found:
                raise RuntimeError(
                    "Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(found))
                )

        load(self, "")
        if problems or not post_hooks:
            check()
        with no_grad():
            for write in writes:
                write()
        for hook in post_hooks:
            hook()
        check()
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Check this module's own entries; the writes wait in ``local_metadata["writes"]`` until all has been checked."""
        for hook in list((self._load_state_dict_pre_hooks or {}).values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        persistent = {name: each for name, each in self._buffers.items() if name not in self._non_persistent_buffers}
        for name, own in [*self._parameters.items(), *persistent.items()]:
            key = prefix + name
            if own is None:
                continue
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            value = state_dict[key]
            if isinstance(value, Tensor) and not own.shape and value.shape == (1,):
                value = value[0]  # as numbers were saved by PyTorch 0.3
            if not isinstance(value, Tensor):
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected framework.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(value)}"
                )
            elif value.shape != own.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in current "
                    f"model is {own.shape}."
                )
            elif local_metadata["assign"]:
                local_metadata["writes"].append(functools.partial(self._assign, name, own, value))
            else:
                local_metadata["writes"].append(functools.partial(own.copy_, value))
        key = prefix + _EXTRA_STATE
        extra = self._has_extra_state()
        if extra and key in state_dict:
            local_metadata["writes"].append(functools.partial(self.set_extra_state, state_dict[key]))
        elif extra and strict:
            missing_keys.append(key)
        if strict:
            own_names = {name for name, own in [*self._parameters.items(), *persistent.items()] if own is not None}
            own_names |= {_EXTRA_STATE} if extra else set()
            for key in state_dict:
                if not key.startswith(prefix):
                    continue
                head, dot, _ = key[len(prefix) :].partition(".")
                if head not in (self._modules if dot else own_names) and key not in unexpected_keys:
                    unexpected_keys.append(key)

    def _assign(self, name: str, own: Tensor, value: Tensor) -> None:
        if isinstance(own, Parameter):
            value = value if isinstance(value, Parameter) else Parameter(value, requires_grad=own.requires_grad)
            self._parameters[name] = value
        else:
            self._buffers[name] = value

    # ---- Hooks ---------------------------------------------------------------------------------------------------------

    def _hook(self, kind: str, entry: Any, prepend: bool = False) -> RemovableHandle:
        hooks = getattr(self, kind)
        if hooks is None:
            hooks = {}
            object.__setattr__(self, kind, hooks)
        object.__setattr__(self, "_hooked", True)
        return RemovableHandle(hooks, entry, prepend=prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; it may return other arguments."""
        return self._hook("_forward_pre_hooks", (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; it may return another output."""
        return self._hook("_forward_hooks", (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` in backward; it may return another ``grad_input``."""
        return self._hook("_backward_hooks", hook, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward; it may return another ``grad_output``."""
        return self._hook("_backward_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict`` has been made."""
        return self._hook("_state_dict_hooks", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` is made."""
        return self._hook("_state_dict_pre_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, …)`` before ``load_state_dict`` looks at this module's entries."""
        return self._hook("_load_state_dict_pre_hooks", functools.partial(hook, self))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after ``load_state_dict``."""
        return self._hook("_load_state_dict_post_hooks", hook)

    # ---- Printing ------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {_indent(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join([*lines, *children]) + "\n)"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def _type_name(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(value.type())
    return f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")


def _name_module(error: Exception, module: Module) -> None:
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


# ---- Hooks of every module ------------------------------------------------------------------------------------------


def _hook_every(kind: str, entry: Any) -> RemovableHandle:
    Module._hooked = True
    return hook_every_module(kind, entry)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, args)`` before every module's ``forward``, and before its own hooks; it may return other arguments."""
    return _hook_every("_forward_pre_hooks", (hook, False))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every module's ``forward``; it may return another output."""
    return _hook_every("_forward_hooks", (hook, with_kwargs, always_call))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in every module's backward; it may return another ``grad_input``."""
    return _hook_every("_backward_hooks", hook)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before every module's backward; it may return another ``grad_output``."""
    return _hook_every("_backward_pre_hooks", hook)
