"""There is no writer of TensorBoard's files for scripts; importing this says so, and what there is."""

raise ImportError(
    "framework.utils.tensorboard is not supported: tensorboardX has a SummaryWriter too (pip install tensorboardX); the "
    "training command writes such files by itself, with logging: {tensorboard: true} in the settings"
)
