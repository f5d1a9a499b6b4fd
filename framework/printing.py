"""How tensors print."""
def tensor_str(tensor):
    return f"tensor({tensor._array})"
