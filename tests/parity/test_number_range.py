"""Numbers beyond the range of a tensor of float16 or float32, and what of a number's digits counts beside float16."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import framework

torch = pytest.importorskip("torch")

CALLS = """
t.zeros(2).half().clamp(min=1e6)
t.zeros(2).half().clamp(max=-1e6)
t.zeros(2).clamp(min=1e300)
t.zeros(2).clamp(1e39,1e40)
t.ones(2).half()*1e6
t.ones(2)*1e300
t.ones(2).half()+1e6
t.ones(2)+1e300
t.ones(2)-1e300
t.ones(2).half()/1e6
t.ones(2)/1e300
t.ones(2)/1e-320
t.ones(2).half()/1e-10
1e300/t.ones(2)
1e6/t.ones(2).half()
1e300-t.ones(2)
t.full((2,),2.).half()**1e6
t.full((2,),2.)**1e300
1e300**t.full((2,),1.)
1e6**t.full((2,),1.).half()
t.pow(1e300,t.ones(2))
t.nn.functional.hardtanh(t.ones(2),-1e300,1e300)
t.nn.functional.hardtanh(t.ones(2).half(),-1e6,1e6)
t.lerp(t.ones(2),t.zeros(2),1e300)
t.lerp(t.ones(2).half(),t.zeros(2).half(),1e6)
t.ones(2).fill_(1e300)
t.ones(2).half().fill_(1e6)
t.full((2,),1e300)
t.full((2,),1e6,dtype=t.half)
t.tensor(1e300)
t.tensor([1e6],dtype=t.half)
written(t.ones(2),0,1e300)
written(t.ones(2).half(),0,1e6)
written(t.ones(2),slice(None),1e300)
written(t.ones(2),t.tensor([0]),1e300)
written(t.ones(2),t.tensor([True,False]),1e300)
t.ones(2).add_(1e300)
t.ones(2).mul_(1e300)
t.ones(2).half().add_(1e6)
t.add(t.ones(2),t.ones(2),alpha=1e300)
t.add(t.ones(2).half(),t.ones(2).half(),alpha=1e6)
t.sub(t.ones(2),t.ones(2),alpha=1e300)
t.addcmul(t.ones(2),t.ones(2),t.ones(2),value=1e300)
t.addcdiv(t.ones(2),t.ones(2),t.ones(2),value=1e300)
t.addcmul(t.ones(2).half(),t.ones(2).half(),t.ones(2).half(),value=1e6)
t.ones(2).masked_fill(t.tensor([True,False]),1e300)
t.ones(2).half().masked_fill(t.tensor([True,False]),1e6)
t.where(t.tensor([True,False]),1e300,t.ones(2))
t.where(t.tensor([True,False]),1e6,t.ones(2).half())
t.ones(2).index_fill(0,t.tensor([0]),1e300)
t.ones(2).scatter(0,t.tensor([0]),1e300)
t.ones(2).scatter(0,t.tensor([0]),1e6)
t.ones(2).half().scatter(0,t.tensor([0]),1e6)
t.nn.functional.pad(t.ones(2),(1,1),value=1e300)
t.nn.functional.pad(t.ones(2).half(),(1,1),value=1e6)
t.nn.functional.threshold(t.ones(2),1e300,1e300)
t.nn.functional.threshold(t.ones(2).half(),1e6,1e6)
t.nn.functional.leaky_relu(-t.ones(2),1e300)
t.nn.functional.leaky_relu(-t.ones(2).half(),1e6)
t.nn.functional.elu(-t.ones(2),1e300)
t.nn.functional.elu(-t.ones(2).half(),1e6)
t.nn.functional.celu(-t.ones(2),1e300)
t.nn.functional.softplus(t.ones(2),1e300)
t.nn.functional.softplus(t.ones(2).half(),1e6)
t.nn.functional.hardshrink(t.ones(2),1e300)
t.nn.functional.hardshrink(t.ones(2).half(),1e6)
t.nn.functional.softshrink(t.ones(2),1e300)
t.nn.functional.softshrink(t.ones(2).half(),1e6)
t.nn.functional.relu6(t.ones(2))
t.ones(2)>1e300
t.ones(2).half()>1e6
t.full((2,),float('inf'))==1e300
t.full((2,),float('inf')).half()==1e6
t.full((2,),float('inf')).half()<1e6
t.full((2,),65504.).half()<1e6
t.maximum(t.ones(2),t.tensor(1e300))
t.clamp(t.ones(2),min=t.tensor(1e300))
t.remainder(t.ones(2),1e300)
t.remainder(t.ones(2).half(),1e6)
t.fmod(t.ones(2),1e300)
t.ones(2)//1e300
t.ones(2).half()//1e6
t.remainder(1e300,t.ones(2))
t.nan_to_num(t.tensor([float('nan')]),1e300)
t.nan_to_num(t.tensor([float('nan')]).half(),1e6)
t.nan_to_num(t.tensor([float('inf')]),posinf=1e300)
t.xlogy(t.ones(2),1e300)
t.xlogy(1e300,t.ones(2)*2)
t.hypot(t.ones(2),t.tensor(1e300,dtype=t.double))
t.copysign(t.ones(2),-1e300)
t.copysign(t.ones(2).half(),-1e6)
t.float_power(t.ones(2),1e300)
t.ones(2,2).half().fill_diagonal_(1e6)
t.addmm(t.ones(2,2),t.ones(2,2),t.ones(2,2),alpha=1e300)
t.addmm(t.ones(2,2),t.ones(2,2),t.ones(2,2),beta=1e300)
t.baddbmm(t.ones(1,2,2),t.ones(1,2,2),t.ones(1,2,2),beta=1e300)
t.isclose(t.ones(2),t.ones(2),atol=1e300)
t.full_like(t.ones(2).half(),1e6)
t.full_like(t.ones(2),1e300)
t.linspace(0,1e300,3)
t.linspace(0,1e6,3,dtype=t.half)
t.ones(2).long()*1e300
t.ones(2).long()+1e300
t.ones(2).half()*(10**6)
t.ones(2).half()+10**6
t.ones(2).half().clamp(min=10**6)
t.ones(2).fill_(10**18)
t.ones(2).half().fill_(10**6)
t.nn.functional.normalize(t.ones(2),dim=0,eps=1e300)
t.nn.functional.layer_norm(t.ones(2),(2,),eps=1e300)
t.nn.functional.hardtanh(t.ones(2),1e39,1e40)
t.nn.functional.huber_loss(t.zeros(2),t.ones(2),delta=1e300)
t.nn.functional.smooth_l1_loss(t.zeros(2),t.ones(2),beta=1e300)
t.index_add(t.ones(2),0,t.tensor([0]),t.ones(1),alpha=1e300)
t.ones(2).index_put((t.tensor([0]),),t.tensor(1e300))
t.eq(t.ones(2).half(),1e6)
t.ones(2).div(1e300,rounding_mode='floor')
t.ldexp(t.ones(2),t.tensor(1000.))
H*1.0004
H/1.0004
1.0004*H
H*1e6
H/1e6
H*1e-7
1e6/H
H//1.0004
t.true_divide(H,3.0004)
H.div(1.0004,rounding_mode='floor')
H*3
H**1.0004
H>1.0004
H.mul_(1.0004)
H.div_(1e6)
written(t.ones(2).half(),slice(None),1e6)
written(t.ones(2).half(),slice(None),10**6)
written(t.ones(2).half(),slice(None),-1e6)
written(t.ones(2).half(),slice(None),1e300)
written(t.ones(2).half(),t.tensor([0]),1e6)
written(t.ones(2).half(),t.tensor([0]),10**6)
written(t.ones(2).half(),t.tensor([0]),-1e6)
written(t.ones(2).half(),t.tensor([0]),1e300)
written(t.ones(2).half(),t.tensor([True,False]),1e6)
written(t.ones(2).half(),t.tensor([True,False]),10**6)
written(t.ones(2).half(),t.tensor([True,False]),-1e6)
written(t.ones(2).half(),t.tensor([True,False]),1e300)
written(t.ones(2).half(),...,1e6)
written(t.ones(2).half(),...,10**6)
written(t.ones(2).half(),...,-1e6)
written(t.ones(2).half(),...,1e300)
"""


def outcome(t: Any, call: str) -> Any:
    """The numbers that come out, or the error."""

    def written(tensor: Any, key: Any, value: Any) -> Any:
        tensor[key] = value
        return tensor

    half = t.tensor([1000.0, 3.0, 0.001, 60000.0, -7.0]).half()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = eval(call, {"t": t, "written": written, "H": half})
        except Exception as error:
            return type(error).__name__
    return str(result.dtype).rpartition(".")[2], str(result.tolist())


@pytest.mark.parametrize("call", CALLS.strip().split("\n"))
def test_numbers_beyond_the_range_are_infinite_or_refused_as_in_pytorch(call: str) -> None:
    assert outcome(framework, call) == outcome(torch, call)
