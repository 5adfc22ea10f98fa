"""A pretended CUDA device on a machine without one.

Tensors "on cuda:0" are wrappers whose C++ device really is cuda:0 (CUDA's dispatch keys, CUDA's
autocast lists, autograd's device thread) around a tensor on the CPU, so that they have values:
MMDetection's own step asserts on some of them, which PyTorch's FakeTensorMode has none of. As on a
GPU, tensors of two devices in one operator raise; whatever makes the host wait is noted with its
place, and bytes alive are counted in blocks of 512. With `shapes_only` the tensor inside is on the
meta device, except small tensors of whole numbers, and what is read is made up.

It cannot see which kernels exist for a number format, speed, fragmentation, NCCL.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import traceback
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# PyTorch asks once, when it is loaded, whether there is such a device.
if "PRETENDED_GPU" in os.environ:
    ctypes.CDLL(os.environ["PRETENDED_GPU"], mode=ctypes.RTLD_GLOBAL)


import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
CUDA = torch.device("cuda", 0)
BLOCK = 512
SMALL = 8192
"""Whole numbers up to which a tensor keeps its values when there are shapes only."""
ROWS = 20
"""Rows that an operator with a result of unknown length returns then."""
READS = {
    aten._local_scalar_dense.default: "item",
    aten.nonzero.default: "nonzero",
    aten.masked_select.default: "masked_select",
    aten._unique2.default: "unique",
    aten.unique_dim.default: "unique",
    aten.equal.default: "equal",
    aten.bincount.default: "bincount",
}
INDEXING = {
    aten.index.Tensor,
    aten.index_put_.default,
    aten.index_put.default,
    aten._unsafe_index.Tensor,
}
DRAWS = {aten.normal_.default, aten.uniform_.default}
"""Parameters are made on the host, and only their shapes go to the device then."""
RANGES = {aten.arange.default, aten.arange.start, aten.arange.start_step}
SOFTMAX = {aten._softmax.default, aten._log_softmax.default}
SOFTMAX_BACKWARD = {
    aten._softmax_backward_data.default,
    aten._log_softmax_backward_data.default,
}


class Journal:
    """Operations on the device."""

    def __init__(self) -> None:
        """Start empty."""
        self.shapes_only = False
        self.total = 24 * 2**30
        self.reads: Counter[str] = Counter()
        """Times the host waited, by kind and place."""
        self.copies: Counter[str] = Counter()
        """Copies to the device that are not asynchronous."""
        self.mixed: list[str] = []
        """Operators with tensors of two devices."""
        self.live = self.peak = 0
        self.lock = threading.RLock()
        self._alive: dict[int, Any] = {}

    def note(self, where: Counter[str], kind: str) -> None:
        """Count an event at its place."""
        with self.lock:
            where[f"{kind} at {place()}"] += 1

    def account(self, inner: torch.Tensor) -> None:
        """Count the bytes of a storage until it is freed."""
        storage = inner.untyped_storage()
        key, size = id(storage), -(-storage.nbytes() // BLOCK) * BLOCK
        with self.lock:
            if key in self._alive:
                return
            if self.live + size > self.total:
                raise torch.cuda.OutOfMemoryError(f"CUDA out of memory: {size / 2**20:.0f} MiB")
            self.live += size
            self.peak = max(self.peak, self.live)
            self._alive[key] = weakref.finalize(storage, self._freed, key, size)
            self._alive[key].atexit = False

    def _freed(self, key: int, size: int) -> None:
        with self.lock:
            if self._alive.pop(key, None) is not None:
                self.live -= size


JOURNAL = Journal()


def place() -> str:
    """Return file and function of the innermost caller outside of PyTorch and of this file."""
    skipped = ("pretend_gpu/pretend", "/torch/", "threading.py", "weakref.py")
    frames = traceback.extract_stack()
    for frame in reversed(frames):
        if not any(part in frame.filename for part in skipped):
            name = frame.filename
            for root in ("site-packages/", "/src/", "/tests/"):
                name = name.rpartition(root)[2]
            return f"{name}:{frame.name}"
    return "backward"


class OnGpu(torch.Tensor):
    """A tensor that says it is on cuda:0."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> OnGpu:
        """Wrap a tensor."""
        wrapped = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=CUDA,
            requires_grad=False,
        )
        wrapped.inner = inner
        JOURNAL.account(inner)
        return wrapped

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator as the device would."""
        return execute(func, args, kwargs or {})

    def tolist(self) -> Any:
        """Read all values."""
        return self.cpu().tolist()

    def __repr__(self) -> str:
        """Name it."""
        return f"OnGpu({self.inner!r})"


class Device(TorchDispatchMode):
    """Sends what is made on `cuda` to the pretended device."""

    def __torch_dispatch__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator as the device would."""
        return execute(func, args, kwargs or {})


def execute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:  # noqa: C901, PLR0911
    """Run an operator, noting what it would do on a GPU."""
    flat = [*_tensors((*args, *kwargs.values()))]
    ours = [x for x in flat if isinstance(x, OnGpu)]
    device = kwargs.get("device")
    if not ours and not _is_cuda(device):
        needless = JOURNAL.shapes_only and func in DRAWS
        return args[0] if needless else func(*args, **kwargs)
    if func in (aten._to_copy.default, aten.copy_.default):
        return _copy(func, args, kwargs)
    if func is aten.is_pinned.default:
        return False
    if func is aten.record_stream.default:
        return None
    if ours:
        _refuse_two_devices(func, flat)
    found = _read(func, args, kwargs)
    if found is not ...:
        return found
    if device is not None and not _is_cuda(device):
        return func(*_each(args, _inner), **kwargs)
    if device is not None:
        host = "meta" if JOURNAL.shapes_only and not (func in RANGES and not ours) else "cpu"
        kwargs = {**kwargs, "device": torch.device(host), "pin_memory": False}
        kwargs = {n: v for n, v in kwargs.items() if n != "pin_memory" or v is not False}
    known = {id(x.inner): x for x in ours}
    alike = _on_meta if any(x.inner.is_meta for x in ours) else _inner
    inner_args = _each(args, alike)
    inner_kwargs = {name: _each(value, alike) for name, value in kwargs.items()}
    if JOURNAL.shapes_only and func.__name__.startswith("_fused_adam"):
        return None
    run = _shaped if alike is _on_meta else _run
    output = run(func, inner_args, inner_kwargs)

    def wrap(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        return known[id(x)] if id(x) in known else OnGpu(x)

    return _each(output, wrap)


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among an operator's arguments: PyTorch's own walk also sees namedtuples."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return arguments or results of an operator with each of them changed."""
    if isinstance(value, (list, tuple)):
        changed = [_each(x, change) for x in value]
        return changed if isinstance(value, list) else tuple(changed)
    return change(value)


SHAPED: dict[Any, Any] = {}
"""What makes an operator's results anew, by operator and shapes; None where it is in place."""


def _shaped(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operator on shapes, once for all that are alike: PyTorch does much of it in Python."""
    schema = func._schema
    in_place = schema.name.endswith("_")
    if not in_place and any(argument.alias_info for argument in schema.arguments):
        return _run(func, args, kwargs)  # a view has the storage of what it shows
    key = func, _described(args), _described([*kwargs.items()])
    if key in SHAPED:
        changed = args[0] if schema.returns else None
        return changed if in_place else _each(SHAPED[key], lambda make: make())
    output = _run(func, args, kwargs)
    if not in_place:
        SHAPED[key] = _each(output, _maker)
    elif _described(args) == key[1]:
        SHAPED[key] = None
    return output


def _described(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return x.shape, x.stride(), x.dtype
    return tuple(map(_described, x)) if isinstance(x, (list, tuple)) else (type(x), x)


def _maker(x: Any) -> Callable[[], Any]:
    if isinstance(x, torch.Tensor):
        return functools.partial(
            torch.empty_strided, x.shape, x.stride(), dtype=x.dtype, device="meta"
        )
    return lambda: x


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run the inner operator; a GPU's softmax also changes the number format."""
    if func in SOFTMAX and args[2]:
        return func(args[0].float(), args[1], False)
    if func in SOFTMAX_BACKWARD and args[3] != args[0].dtype:
        return func(args[0], args[1], args[2], args[0].dtype).to(args[3])
    return func(*args, **kwargs)


def _refuse_two_devices(func: Any, flat: list[torch.Tensor]) -> None:
    others = [x for x in flat if not isinstance(x, OnGpu) and x.dim() > 0]
    if not others:
        return
    if func in INDEXING:
        JOURNAL.note(JOURNAL.copies, "an index from the CPU")
        return
    shapes = [(tuple(x.shape), x.device.type) for x in flat]
    JOURNAL.mixed.append(f"{func} of {shapes} at {place()}")
    raise RuntimeError(
        f"Expected all tensors to be on the same device, but found cuda:0 and cpu: "
        f"{JOURNAL.mixed[-1]}"
    )


def _read(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Note a read; return what is read where there are shapes only, else `...`."""
    if func in READS:
        JOURNAL.note(JOURNAL.reads, READS[func])
    if func in INDEXING:
        for index in args[1] or ():
            if isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8):
                JOURNAL.note(JOURNAL.reads, "an index of booleans")
    if func is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None:
        JOURNAL.note(JOURNAL.reads, "repeat_interleave")
    first = args[0] if args else None
    if not JOURNAL.shapes_only or not isinstance(first, OnGpu) or not first.inner.is_meta:
        return ...
    return _made_up(func, first, args)


def _made_up(func: Any, first: OnGpu, args: Any) -> Any:  # noqa: PLR0911
    def meta(*shape: int, dtype: torch.dtype = torch.long) -> OnGpu:
        return OnGpu(torch.empty(*shape, dtype=dtype, device="meta"))

    if func is aten._local_scalar_dense.default:
        if first.dtype.is_floating_point:
            return 1.0
        return True if first.dtype == torch.bool else 1
    if func is aten.equal.default:
        return True
    if func is aten.nonzero.default:
        return meta(min(ROWS, first.numel()), first.dim())
    if func is aten._unique2.default:
        return tuple(meta(first.numel(), dtype=d) for d in (first.dtype, torch.long, torch.long))
    if func is aten.masked_select.default:
        size = torch.broadcast_shapes(args[0].shape, args[1].shape)
        return meta(torch.Size(size).numel(), dtype=first.dtype)
    masks = args[1] if func in INDEXING else ()
    masks = [m for m in masks or () if isinstance(m, torch.Tensor) and m.dtype == torch.bool]
    if masks and func is aten.index.Tensor:
        rows = min(ROWS, masks[0].numel())
        return meta(rows, *first.shape[masks[0].dim() :], dtype=first.dtype)
    return first if masks else ...


def _inner(x: Any) -> Any:
    return x.inner if isinstance(x, OnGpu) else x


def _on_meta(x: Any) -> Any:
    """Return what is inside, where the other tensors of an operator have shapes only."""
    inner = _inner(x)
    return inner.to("meta") if isinstance(inner, torch.Tensor) else inner


def _is_cuda(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def _uploaded(source: torch.Tensor, non_blocking: bool) -> torch.Tensor:
    if not (non_blocking and getattr(source, "is_pretend_pinned", False)):
        JOURNAL.note(JOURNAL.copies, "a blocking copy")
    whole = source.numel() <= SMALL and not source.dtype.is_floating_point
    return source.to("meta") if JOURNAL.shapes_only and not whole else source


def _downloaded(source: OnGpu, dtype: torch.dtype) -> torch.Tensor:
    if not source.inner.is_meta:
        return source.inner.to(dtype).clone()
    if dtype.is_floating_point:
        return torch.rand(source.shape, dtype=dtype)
    return torch.full(source.shape, dtype == torch.bool, dtype=dtype)


def _copy(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if func is aten._to_copy.default:
        source, target = args[0], kwargs.get("device")
        others = ("device", "non_blocking", "pin_memory")
        rest = {name: value for name, value in kwargs.items() if name not in others}
        if not isinstance(source, OnGpu):
            uploaded = _uploaded(source, kwargs.get("non_blocking", False))
            return OnGpu(func(uploaded, **rest).clone())
        if target is None or _is_cuda(target):
            return OnGpu(func(source.inner, **rest))
        JOURNAL.note(JOURNAL.reads, "a copy to the host")
        return _downloaded(source, rest.get("dtype") or source.dtype)
    target, source = args[0], args[1]
    non_blocking = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
    if isinstance(target, OnGpu):
        inner = source.inner if isinstance(source, OnGpu) else _uploaded(source, non_blocking)
        target.inner.copy_(inner.to("meta") if target.inner.is_meta else inner)
    else:
        if not (non_blocking and getattr(target, "is_pretend_pinned", False)):
            JOURNAL.note(JOURNAL.reads, "a copy to the host")
        target.copy_(_downloaded(source, target.dtype))
    return target


class Event:
    """Stands in for torch.cuda.Event and torch.cuda.Stream: nothing takes time."""

    device, device_index = CUDA, 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take any arguments."""

    def __getattr__(self, name: str) -> Any:
        """Return a method that does nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: True

    def __enter__(self) -> Event:
        """Do nothing."""
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


def install() -> None:
    """Make this process and its forks believe in a GPU, for good."""
    cuda: Any = torch.cuda
    facts = types.SimpleNamespace(
        name="Pretended GPU",
        major=8,
        minor=0,
        total_memory=JOURNAL.total,
        multi_processor_count=108,
    )

    def reset(*args: Any, **kwargs: Any) -> None:
        JOURNAL.peak = JOURNAL.live

    answers: dict[str, Any] = {
        "is_available": True, "device_count": 1, "current_device": 0, "is_initialized": True,
        "init": None, "_lazy_init": None, "_is_in_bad_fork": False, "set_device": None,
        "get_device_capability": (8, 0), "get_device_properties": facts,
        "get_device_name": facts.name, "get_arch_list": ["sm_80"], "is_bf16_supported": True,
        "empty_cache": None, "synchronize": None, "set_rng_state": None, "set_rng_state_all": None,
        "manual_seed": None, "manual_seed_all": None,
    }  # fmt: skip
    for name, answer in answers.items():
        setattr(cuda, name, lambda *args, answer=answer, **kwargs: answer)
    cuda.mem_get_info = lambda *args, **kwargs: (
        JOURNAL.total - JOURNAL.live,
        JOURNAL.total,
    )
    cuda.reset_peak_memory_stats = reset
    for name in ("max_memory_allocated", "max_memory_reserved"):
        setattr(cuda, name, lambda *args, **kwargs: JOURNAL.peak)
    for name in ("memory_allocated", "memory_reserved"):
        setattr(cuda, name, lambda *args, **kwargs: JOURNAL.live)
    cuda.get_rng_state = lambda *args, **kwargs: torch.zeros(16, dtype=torch.uint8)
    cuda.get_rng_state_all = lambda: [cuda.get_rng_state()]
    cuda.random.get_rng_state, cuda.random.set_rng_state = cuda.get_rng_state, cuda.set_rng_state
    cuda.Event = cuda.Stream = cuda.device = Event
    cuda.current_stream = cuda.default_stream = lambda *args, **kwargs: Event()
    torch.version.cuda = "13.0"
    accelerator: Any = torch.accelerator
    accelerator.is_available = lambda: True
    accelerator.current_accelerator = lambda check_available=False: torch.device("cuda")
    accelerator.device_count = lambda: 1
    accelerator.current_device_index = accelerator.current_device_idx = lambda: 0
    accelerator.set_device_index = accelerator.synchronize = lambda *args: None
    torch._C._set_only_lift_cpu_tensors(True)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    _pretend_pinning()
    _keep_what_fused_attention_keeps()
    Device().__enter__()


def _pretend_pinning() -> None:
    tensor: Any = torch.Tensor

    def pin(self: torch.Tensor, device: Any = None) -> torch.Tensor:
        pinned: Any = self.detach().clone()
        pinned.is_pretend_pinned = True
        return pinned

    tensor.pin_memory = pin
    tensor.is_pinned = lambda self, device=None: getattr(self, "is_pretend_pinned", False)
    empty = torch.empty

    def pinned_empty(*args: Any, pin_memory: bool = False, **kwargs: Any) -> torch.Tensor:
        made: Any = empty(*args, **kwargs)
        if pin_memory:
            made.is_pretend_pinned = True
        return made

    torch.empty = pinned_empty  # type: ignore[assignment]


class FusedAttention(torch.autograd.Function):
    """Keeps what the memory-efficient kernel keeps: query, key, value, output, one sum a query."""

    @staticmethod
    def forward(ctx: Any, q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: Any) -> Any:
        """Attend."""
        if q.inner.is_meta:
            inner = torch.empty(*q.shape[:-1], v.shape[-1], dtype=q.dtype, device="meta")
        else:
            inner = STOCK_ATTENTION(
                q.inner, k.inner, v.inner, attn_mask=_inner(mask), is_causal=causal, scale=scale
            )
        sums = torch.empty(*q.shape[:2], -(-q.shape[2] // 32) * 32, device=inner.device)
        output = OnGpu(inner)
        ctx.save_for_backward(q, k, v, mask, output, OnGpu(sums))
        ctx.options = {"is_causal": causal, "scale": scale}
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        """Return the gradients of query, key and value."""
        q, k, v, mask, *_ = ctx.saved_tensors
        if q.inner.is_meta:
            return *(OnGpu(torch.empty_like(x.inner)) for x in (q, k, v)), None, None, None
        with torch.enable_grad(), torch.autocast("cpu", enabled=False):
            leaves = [x.inner.detach().requires_grad_() for x in (q, k, v)]
            output = STOCK_ATTENTION(*leaves, attn_mask=_inner(mask), **ctx.options)
        found = torch.autograd.grad(output, leaves, gradient.inner.contiguous())
        return *(OnGpu(x) for x in found), None, None, None


STOCK_ATTENTION = torch.nn.functional.scaled_dot_product_attention


def _keep_what_fused_attention_keeps() -> None:
    def attend(
        query: Any,
        key: Any,
        value: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: Any = None,
        enable_gqa: bool = False,
    ) -> Any:
        inputs = [query, key, value, attn_mask]
        if not isinstance(query, OnGpu):
            return STOCK_ATTENTION(*inputs, dropout_p, is_causal, scale=scale)
        _refuse_two_devices("attention", [x for x in inputs if x is not None])
        if torch.is_autocast_enabled("cuda"):
            narrow = torch.get_autocast_dtype("cuda")
            wide = torch.float32
            inputs = [x.to(narrow) if x is not None and x.dtype == wide else x for x in inputs]
        return FusedAttention.apply(*inputs, is_causal, scale)

    torch.nn.functional.scaled_dot_product_attention = attend  # type: ignore[assignment]
    torch._C._nn.scaled_dot_product_attention = attend  # type: ignore[attr-defined]
