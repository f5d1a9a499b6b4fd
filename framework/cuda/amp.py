"""There is no mixed precision by context; importing this says so."""

raise ImportError("framework.cuda.amp is not supported: operations run in the dtype of their inputs, on the CPU; leave it out")
