"""What an editor knows of a call's result."""

import framework

# What they give depends on the arguments: a tensor or a named tuple, a number or a list.
VARIED = {
    "aminmax", "atleast_1d", "atleast_2d", "atleast_3d", "cummax", "cummin", "histogram", "item", "kthvalue", "load", "max",
    "max_pool1d", "max_pool2d", "max_pool3d", "median", "min", "mode", "nanmedian", "nonzero", "qr", "size", "slogdet", "sort",
    "stride", "svd", "tolist", "topk", "type", "unique", "unique_consecutive",
}  # fmt: skip


def unknown_results(namespace):
    """The public functions whose result a type checker takes for anything; a primitive's decorator says Tensor."""
    found = set()
    for name in dir(namespace):
        function = getattr(namespace, name)
        if name.startswith("_") or hasattr(function, "primitive") or hasattr(function, "__wrapped__"):
            continue
        if str(getattr(function, "__annotations__", {}).get("return")) == "Any":
            found.add(name)
    return found


def test_results_are_typed_but_where_they_vary():
    assert unknown_results(framework) | unknown_results(framework.Tensor) <= VARIED
