"""The few hot loops that are more than one NumPy call: arrays in, arrays out, no autograd."""
