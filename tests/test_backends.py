"""What scripts ask before they use a GPU, in the forms in which they ask."""

import framework as torch


def test_no_accelerator_is_there():
    assert not torch.cuda.is_available()
    assert torch.cuda.device_count() == 0
    assert not torch.backends.mps.is_available()
    assert not torch.backends.cudnn.is_available()


def test_back_ends_are_modules_whose_switches_can_be_set():
    import framework.backends.cudnn as cudnn

    before = cudnn.benchmark
    cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark
    cudnn.benchmark = before
    torch.backends.cuda.matmul.allow_tf32 = False
