"""Hundreds of calls, right and wrong, which must give what PyTorch gives: the printed result, or the kind of error.

A line is an expression in ``t`` (the library), ``np``, and a few tensors that stand in ``names``.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")


def names(t: Any) -> dict[str, Any]:
    x = t.arange(12.0).reshape(3, 4)

    def written(tensor: Any, key: Any, value: Any) -> Any:
        tensor = tensor.clone()
        tensor[key] = value
        return tensor

    t.manual_seed(0)
    return {
        "t": t,
        "np": np,
        "x": x,
        "r": x.clone().requires_grad_(),
        "z": t.tensor(3.0),
        "i": t.tensor([0, 1]),
        "I": t.zeros(2, 2).long(),
        "g": t.Generator(),
        "written": written,
    }


def outcome(t: Any, expression: str) -> str:
    """The printed result, without addresses and the library's name; or the kind of error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = repr(eval(expression, names(t)))
        except Exception as error:
            return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
    return re.sub(r" object at 0x[0-9a-f]+", "", text).replace("framework.tensor.", "torch.")


# ---- Shapes -----------------------------------------------------------------------------------------------------------

SHAPES = """
x.view(5)
x.t().view(12)
x.reshape(5)
x.reshape(-1,-1)
x.reshape(-2,6)
t.zeros(0).reshape(0,-1)
x.view(t.int32).dtype
x.view(t.float64).shape
x.view(t.uint8).shape
x.view_as(t.zeros(4,3)).shape
x.permute(0)
x.permute(0,0)
x.permute(0,5)
x.transpose(0,5)
t.zeros(2,2,2).t()
x.T.shape
t.zeros(2,2,2).T.shape
t.zeros(3).mT
t.zeros(2,2,2).H
t.zeros(()).H
t.zeros(3).H
x.expand(2)
x.expand(-1,3,4)
x.expand(3,5)
x.expand(2,-1,4).shape
x.expand(3,-2)
t.zeros(()).expand(-1)
x.expand_as(t.zeros(2,3,4)).shape
t.broadcast_to(x,(2,3,4)).shape
t.broadcast_tensors(x,t.zeros(5))
t.broadcast_shapes((3,1),(4,))
t.broadcast_shapes((3,2),(4,))
x.squeeze(0).shape
x.squeeze(5)
t.zeros(1,2,1).squeeze((0,1)).shape
t.zeros(1,2,1).squeeze((0,0))
x.unsqueeze(3)
x.unsqueeze(-4)
x.flatten(1,0)
t.zeros(()).flatten().shape
x.flatten(0,0) is x
x.flatten() is x
x.unflatten(1,(2,3))
x.unflatten(1,(2,-1)).shape
x.unflatten(1,())
x.movedim((0,1),(1,)).shape
x.movedim(0,5)
x.movedim((0,0),(0,1))
x.movedim((0,1),(0,0))
x.repeat(2)
x.repeat(2,1).shape
x.repeat(2,1,1).shape
x.repeat(-1,1)
t.tile(x,(2,)).shape
x.tile(2,2,2).shape
x.repeat_interleave(2)
x.repeat_interleave(t.tensor([1,2,3]),0).shape
x.repeat_interleave(t.tensor([1,2]),0)
x.repeat_interleave(t.tensor([1.,2,3]),0)
x.repeat_interleave(-1)
t.repeat_interleave(t.tensor([1,2,3]))
x.repeat_interleave(t.tensor([1,2,3]),0,output_size=6).shape
x.repeat_interleave(t.tensor([1,2,3]),0,output_size=7).shape
x.repeat_interleave([1,2,3],0)
x.repeat_interleave(t.tensor([-1,2,3]),0)
t.cat([])
t.cat([x,t.zeros(2,3)])
t.cat([x,t.zeros(0)]).shape
t.cat([x,t.zeros(3,0)],1).shape
t.cat([t.zeros(()),x])
t.cat([x,x.long()]).dtype
t.cat([x, t.zeros(2)])
t.cat(x)
t.cat([x,3])
t.cat((x,x),dim=5)
t.cat([x,x],axis=1).shape
t.cat(tensors=[x,x]).shape
t.cat([x,t.zeros(2,3)],1)
t.stack([])
t.stack([x,t.zeros(2,3)])
t.stack([x,x],3)
t.stack([x,x.long()]).dtype
t.hstack([x,x]).shape
t.hstack([t.zeros(2),t.zeros(3)]).shape
t.vstack([t.zeros(3),x[:,:3]]).shape
t.dstack([x,x]).shape
t.column_stack([t.zeros(3),x]).shape
[a.shape for a in x.split(2)]
x.split([1,1])
x.split([1,3])
x.split(0)
x.split(-1)
[a.shape for a in t.zeros(0,3).split(0)]
x.split_with_sizes([1,2])
x.tensor_split(2)
[a.shape for a in x.tensor_split((1,2),1)]
[a.shape for a in x.tensor_split(5)]
x.tensor_split(0)
x.tensor_split(t.tensor(2))
t.zeros(()).tensor_split(2)
[a.shape for a in x.chunk(5)]
x.chunk(0)
t.zeros(()).chunk(2)
t.zeros(()).unbind()
x.unbind(5)
t.zeros(()).split(1)
[a.shape for a in t.meshgrid(t.zeros(2),t.zeros(3))]
[a.shape for a in t.meshgrid(t.zeros(2),t.zeros(3),indexing='xy')]
t.meshgrid(t.zeros(2),t.zeros(3),indexing='a')
t.meshgrid(x,x)
t.meshgrid(t.zeros(2),t.zeros(3).long(),indexing='ij')
t.meshgrid()
[a.shape for a in t.meshgrid(t.zeros(()),t.zeros(3),indexing='xy')]
x.flip(0,0)
x.flip(5)
x.flip([0,1])[0]
t.fliplr(t.zeros(2))
t.flipud(t.zeros(()))
x.roll(1)
x.roll((1,2),(0,))
x.roll((1,2),(0,1))[0]
x.roll((1,2))
x.roll(1,5)
t.zeros(0).roll(1,0)
t.rot90(x,1,[0,1]).shape
t.rot90(x,1,[0])
t.rot90(x,1,[0,0])
t.rot90(t.zeros(3))
t.rot90(x,1,[0,5])
t.tril(t.zeros(3))
x.tril(1)[0]
x.diagonal(0,0,0)
x.diagonal(10).shape
x.diagonal(-3).shape
x.diagonal(dim1=-1,dim2=-2).shape
t.zeros(3).diagonal()
t.diag(t.zeros(2,2,2))
t.diag(t.zeros(()))
t.diag(t.ones(2),-1)
t.diag_embed(t.ones(2,3),1).shape
t.diag_embed(t.ones(()))
t.diag_embed(t.ones(2),0,0,0)
t.diagflat(t.ones(2,2)).shape
x.narrow(0,2,2)
x.narrow(0,-1,1)
x.narrow(0,3,0).shape
x.narrow(0,4,0)
x.narrow(0,0,-1)
x.narrow(0,t.tensor(1),1)
t.zeros(()).narrow(0,0,1)
x.select(0,5)
x.select(5,0)
t.zeros(()).select(0,0)
x.unfold(1,2,1).shape
x.unfold(1,5,1)
x.unfold(1,2,0)
x.unfold(1,0,1).shape
t.zeros(()).unfold(0,1,1)
t.zeros(()).unfold(0,0,1).shape
t.zeros(()).unfold(0,2,1).shape
x.as_strided((2,2),(1,2),1)
x.as_strided((20,),(1,))
t.atleast_1d(t.zeros(()),t.zeros(2))
t.atleast_3d(x).shape
t.atleast_3d(t.zeros(3)).shape
t.atleast_2d([t.zeros(3)])
x.stride()
x.stride(1)
x.T.stride()
t.zeros(0,3).stride()
t.zeros(1,3).stride()
x.storage_offset()
x[1].storage_offset()
x.element_size()
x.nelement()
t.numel(x)
x.is_same_size(x)
x.is_contiguous(memory_format=t.channels_last)
t.zeros(1,2,3,4).contiguous(memory_format=t.channels_last).stride()
x.contiguous(memory_format=t.channels_last)
x.contiguous() is x
t.is_tensor(x)
t.adjoint(x).shape
t.swapdims(x,0,1).shape
x.size(0)
x.size(5)
x.size()
x.size(dim=1)
x.ravel().shape
t.zeros(1,2).T
x.is_set_to(x)
r.view(12).grad_fn
r.reshape(12).grad_fn
r.t().reshape(12).grad_fn
r.permute(1,0).grad_fn
r.transpose(0,1).grad_fn
r.t().grad_fn
r.T.grad_fn
r.mT.grad_fn
r.expand(2,3,4).grad_fn
r.expand(3,4).grad_fn
r.squeeze().grad_fn
r.squeeze(0).grad_fn
r.unsqueeze(0).grad_fn
r.flatten().grad_fn
r.unflatten(0,(3,1)).grad_fn
r.movedim(0,1).grad_fn
r.repeat(2,1).grad_fn
r.tile(2).grad_fn
r.repeat_interleave(2).grad_fn
r.repeat_interleave(2,0).grad_fn
t.cat([r,r]).grad_fn
t.stack([r,r]).grad_fn
r.split(2)[0].grad_fn
r.split([1,2])[0].grad_fn
r.chunk(2)[0].grad_fn
r.unbind()[0].grad_fn
r.flip(0).grad_fn
r.roll(1,0).grad_fn
t.rot90(r).grad_fn
r.tril().grad_fn
r.triu().grad_fn
r.diagonal().grad_fn
t.diag_embed(r).grad_fn
t.diagflat(r).grad_fn
r.narrow(0,0,1).grad_fn
r.select(0,0).grad_fn
r.unfold(1,2,1).grad_fn
r.as_strided((2,),(1,)).grad_fn
r[0].grad_fn
r[0:1].grad_fn
r[:].grad_fn
r[...].grad_fn
r[None].grad_fn
r[0,1:].grad_fn
r[1:,0].grad_fn
r[[0]].grad_fn
r[r>0].grad_fn
r[True].grad_fn
r[()].grad_fn
r[None,0].grad_fn
r[0,None].grad_fn
r[0:3].grad_fn
r[t.tensor([0])].grad_fn
r[t.tensor(0)].grad_fn
r.gather(0,t.zeros(1,1).long()).grad_fn
r.scatter(0,t.zeros(1,1).long(),r).grad_fn
r.scatter_add(0,t.zeros(1,1).long(),r).grad_fn
r.index_select(0,t.tensor([0])).grad_fn
r.index_add(0,t.tensor([0]),r[:1]).grad_fn
r.index_copy(0,t.tensor([0]),r[:1]).grad_fn
r.index_fill(0,t.tensor([0]),1.).grad_fn
r.index_put((t.tensor([0]),),t.tensor(1.)).grad_fn
t.take_along_dim(r,t.zeros(1,1).long(),0).grad_fn
r.masked_select(r>0).grad_fn
r.masked_scatter(r>0,r).grad_fn
r.double().grad_fn
r.to(t.float64).grad_fn
r.clone().grad_fn
r.contiguous().grad_fn
r.t().contiguous().grad_fn
r.detach()._base
x.detach()._is_view()
x.detach().storage_offset()
r.view_as(r).grad_fn
r.expand_as(r).grad_fn
r.ravel().grad_fn
r.t().flatten().grad_fn
r.swapaxes(0,1).grad_fn
r.adjoint().grad_fn
r.H.grad_fn
t.column_stack([r,r]).grad_fn
t.hstack([r,r]).grad_fn
t.broadcast_tensors(r,r)[0].grad_fn
t.broadcast_to(r,(3,4)).grad_fn
t.meshgrid(r[0],r[0],indexing='ij')[0].grad_fn
t.atleast_3d(r).grad_fn
t.diag(r[0]).grad_fn
r.new_zeros(2)
r.index_select(0,t.tensor(0)).grad_fn
r.to(t.float64).grad_fn.next_functions
t.reshape(r,(3,4)) is r
r.view(3,4) is r
r.squeeze() is r
r.detach() is r
"""

# ---- Square brackets --------------------------------------------------------------------------------------------------

SQUARE_BRACKETS = """
x[5]
x[-4]
x[0,0,0]
z[0]
z[()]
z[...]
z[None]
z[True]
x[1.5]
x[t.tensor(1.5)]
x[::-1]
x[::0]
x[::2]
x[t.tensor([0,5])]
x[t.tensor([0,-4])]
x[t.tensor([True,False])]
x[t.tensor([True,False,True])]
x[x>5]
x[t.tensor([[True,False]])]
x[i,t.tensor([0,1,2])]
x[0,:,[0,1]]
t.zeros(2,3,4)[0,:,[0,1]].shape
t.zeros(2,3,4)[:,0,[0,1]].shape
t.zeros(2,3,4)[[0,1],:,[0,1]].shape
t.zeros(2,3,4)[[0,1],None,[0,1]].shape
t.zeros(2,3,4)[None,[0,1]].shape
t.zeros(2,3,4)[[0,1],...,[0,1]].shape
t.zeros(2,3,4)[...,[0,1]].shape
x[[]].shape
x[t.zeros(0).long()].shape
x[t.zeros(0)].shape
x[np.array([0,1])].shape
x[np.int64(1)]
x[np.array([True,False,True])].shape
x[t.tensor([0,1],dtype=t.int32)].shape
x[t.tensor([0,1],dtype=t.int16)].shape
x[t.tensor([0,1,1],dtype=t.uint8)].shape
x[t.tensor(1,dtype=t.uint8)].shape
x[t.tensor(True)].shape
x[True].shape
x[False].shape
x[0,True].shape
x[True,[0,1]].shape
x[True,True].shape
x[[True,False,True]].shape
x[[0,1],[0,1]]
x[([0,1],[0,1])]
x[[[0,1],[0,1]]].shape
x[[slice(0,1)]]
x[[t.tensor(0),t.tensor(1)]].shape
x[...,...]
x[..., 0].shape
x[t.tensor(0):t.tensor(2)].shape
x[1.0:2]
x[range(2)].shape
x[(0,1)]
x[i[0]]
x[0:2, i]
x[:, i[0]]
x[[0,[1]]]
x[5:].shape
x[-100:100].shape
x[2:1].shape
x[i, x[0]>1]
x[t.tensor([0,1]), t.tensor([True,False,True,True])]
x[None,...,None].shape
x[{}]
x[None,None,0].shape
written(x,0,t.ones(3))
written(x,0,t.ones(1,4))[0]
written(x,0,t.ones(2,4))
written(x,0,1.5)[0]
written(x.long(),0,1.7)[0]
written(x.long(),0,t.tensor(1.7))[0]
written(x.long(),i,t.tensor(1.7))[0]
written(x.long(),i,1.7)[0]
written(x,i,t.ones(4).double())[0]
written(x,i,t.tensor(1.).double())[0]
written(x,i,t.ones(3))
written(x,x>5,t.ones(3))
written(x,x>5,t.ones(6))[2]
written(x,x>5,t.ones(1))[2]
written(x,x>5,1)[2]
written(x,i,t.ones(1,1,4))[0]
written(x,0,np.ones(4))[0]
written(x,i,np.ones(4))[0]
written(x,0,[1,2,3,4])[0]
written(x,0,'a')
written(x,0,None)
written(x,0,True)[0]
written(x,5,0)
written(x,slice(None,None,-1),0)
written(z,(),5)
written(z,...,5)
written(z,None,5)
written(x,(0,0,0),5)
written(x,t.tensor([5]),5)
written(x.bool(),0,2)[0]
written(x.to(t.uint8),0,300)[0]
written(x.to(t.uint8),0,-1)[0]
written(x,True,5)[0]
written(x,False,5)[0]
written(z,True,5)
written(x,[True,False,True],7)
written(x,t.tensor([True,False]),7)
written(x,0,t.ones(4).long())[0]
written(x,i,t.ones(4).long())[0]
written(x,x>5,t.ones(6).long())[0]
written(x,x>5,t.tensor(1))[0]
"""

# ---- Creation and conversion ------------------------------------------------------------------------------------------

CREATION_AND_CONVERSION = """
x.to('foo')
x.to(5)
x.to(t.float32) is x
x.to('cpu') is x
x.to(t.float64,copy=True).dtype
x.to('cpu',t.float64).dtype
x.to(device='cpu',dtype=t.int32).dtype
x.to(x.double()).dtype
x.to(x,copy=True) is x
x.to(t.float32,copy=True) is x
x.to(t.channels_last)
x.to(memory_format=t.contiguous_format) is x
x.to(t.float32, memory_format=t.preserve_format) is x
x.to(bogus=1)
x.to(float)
x.to('cpu',True)
x.to(None) is x
x.to(t.strided)
x.type()
x.type(t.int32).dtype
x.type('t.DoubleTensor').dtype
x.type('foo')
x.long().type()
x.bool().type()
x.half().type()
x.float() is x
x.float(memory_format=t.preserve_format) is x
x.cpu() is x
x.numpy()[0]
r.numpy()
r.numpy(force=True)[0]
x.item()
t.tensor([True]).item()
x.tolist()[0]
z.tolist()
float(z)
int(z)
bool(x)
bool(t.zeros(0))
bool(z)
range(4)[t.tensor(2)]
range(4)[z]
range(4)[t.tensor([2])]
len(z)
len(x)
float(x)
complex(z)
1.0 in x
'a' in x
t.tensor([1.]) in x
list(z)
np.asarray(x,dtype=np.int32)[0]
np.asarray(r)
np.array(x) is x.numpy()
x.__array__().dtype
t.tensor([1,2.0])
t.tensor([True,2])
t.tensor([[1,2],[3]])
t.tensor([[1,2],3])
t.tensor([1,[2]])
t.tensor('a')
t.tensor(['a'])
t.tensor([None])
t.tensor(None)
t.tensor([])
t.tensor([[]]).shape
t.tensor(np.float64(1.5))
t.tensor([np.float64(1.5)])
t.tensor([np.float32(1.5)])
t.tensor(np.float32(1.5)).dtype
t.tensor([np.int32(1)]).dtype
t.tensor(np.int32(1)).dtype
t.tensor(np.ones(2)).dtype
t.tensor([np.ones(2),np.ones(2)]).dtype
t.tensor([np.ones(2,dtype='f4')]).dtype
t.tensor([t.tensor(1.),2])
t.tensor([t.tensor(1),t.tensor(2)]).dtype
t.tensor([t.ones(2),t.ones(2)])
t.tensor([t.tensor([1.])])
t.tensor([1.5],dtype=t.int64)
t.tensor([300],dtype=t.uint8)
t.tensor([-1],dtype=t.uint8)
t.tensor([2**63])
t.tensor([2**31],dtype=t.int32)
t.tensor(1e300)
t.tensor(1e300,dtype=t.float32)
t.tensor([float('nan')],dtype=t.int64)
t.tensor([1],requires_grad=True)
t.tensor([1.],requires_grad=True)
t.tensor((1,2))
t.tensor(range(3))
t.tensor({1})
t.tensor(x).dtype
t.tensor([1,2],dtype=t.bool)
t.tensor([1.5,0],dtype=t.bool)
t.tensor(True)
t.tensor(np.array(['a']))
t.tensor(np.array([1,None]))
t.tensor(data=5)
t.tensor([1,2],t.float32)
t.as_tensor([1,2.])
t.as_tensor(x) is x
t.as_tensor(x,dtype=t.float64).dtype
t.as_tensor(np.ones(2)).dtype
t.as_tensor(3)
t.as_tensor(np.float32(2)).dtype
t.from_numpy([1])
t.from_numpy(np.ones(2)[::-1])
t.from_numpy(np.ones(2,dtype='>f4'))
t.from_numpy(np.array(['a']))
t.from_numpy(np.float32(1))
t.asarray([1,2])
t.asarray(x) is x
t.asarray(x,copy=True) is x
t.asarray(np.ones(2),copy=False)
t.asarray([1.],copy=False)
t.asarray(r).requires_grad
t.asarray([1.],requires_grad=True)
t.asarray(x,dtype=t.float64,copy=False)
t.asarray(3.0)
t.asarray(np.float64(3.0)).dtype
t.zeros(2,3).shape
t.zeros([2,3]).shape
t.zeros(()).shape
t.zeros()
t.zeros(-1)
t.zeros(2.)
t.zeros('a')
t.zeros(2,dtype=int).dtype
t.zeros(2,dtype='float')
t.zeros(t.tensor(2),3).shape
t.zeros(size=(2,)).shape
t.zeros(2,names=None).shape
t.zeros((2,),3)
t.ones(2,dtype=t.bool)
t.full((2,),True)
t.full((2,),1)
t.full((2,),1.)
t.full(2,1.)
t.full((2,),z)
t.full((2,),t.ones(2))
t.full((2,),1.5,dtype=t.int64)
t.full((),2)
t.full((2,),r[0,0])
t.zeros_like(x,dtype=t.int64)[0]
t.zeros_like(x,memory_format=t.preserve_format)[0]
t.ones_like(3)
t.full_like(x,2)[0]
t.full_like(x.long(),2.5)[0]
t.full_like(x,z)[0]
t.full_like(x.bool(),2)[0]
t.zeros_like(x.T).stride()
t.zeros_like(r).requires_grad
t.zeros_like(x,requires_grad=True).requires_grad
x.new_zeros(2,3).dtype
x.new_zeros((2,3)).shape
x.new_ones(2,dtype=t.int64)
x.new_full((2,),7)
x.new_full((2,),7.5,dtype=t.int64)
x.new_tensor([1,2])
x.new_tensor(x).shape
x.long().new_tensor([1.5])
x.new_zeros(())
t.arange(5)
t.arange(0,1,0.3)
t.arange(5,0)
t.arange(5,0,-2)
t.arange(0,5,0)
t.arange(5.)
t.arange(z)
t.arange(t.tensor(3))
t.arange(3,dtype=t.float64)
t.arange(0.5,3,dtype=t.int64)
t.arange(float('inf'))
t.arange(float('nan'))
t.arange(end=3)
t.arange(1,end=3)
t.arange(start=1,end=3,step=1)
t.arange()
t.arange(np.int64(3))
t.arange(np.float32(3))
t.arange(True)
t.arange(3,requires_grad=True)
t.arange(0,10,3,dtype=t.uint8)
t.arange(2,dtype=t.bool)
t.arange(0,1,0.1).dtype
t.arange(-1)
t.linspace(0,1,5)
t.linspace(0,1,1)
t.linspace(0,1,0)
t.linspace(0,1,-1)
t.linspace(0,10,5,dtype=t.int64)
t.linspace(0,7,4,dtype=t.int64)
t.linspace(z,4,3)
t.linspace(0,1)
t.linspace(0,1,t.tensor(3))
t.linspace(0,1,5.)
t.linspace(t.ones(2),4,3)
t.linspace(1,2,steps=3)
t.linspace(start=1,end=2,steps=3)
t.logspace(0,2,3)
t.logspace(0,2,3,base=2)
t.logspace(0,2,3,dtype=t.int64)
t.logspace(0,2,-1)
t.eye(3)
t.eye(2,3)
t.eye(-1)
t.eye(2,-1)
t.eye(0).shape
t.eye(2,dtype=t.bool)
t.eye(2.)
t.tril_indices(3,3)
t.tril_indices(2,4,1)
t.triu_indices(3,3,-1).dtype
t.tril_indices(-1,2)
t.tril_indices(2,2,dtype=t.int32).dtype
t.tril_indices(2,2,dtype=t.float32)
t.clone(x) is x
x.T.clone().stride()
x.T.clone(memory_format=t.contiguous_format).stride()
x.expand(2,3,4).clone().stride()
x[:,::2].clone().stride()
x.clone(memory_format=t.channels_last)
r.detach().requires_grad
t.detach(r).requires_grad
x.copy_(t.ones(5))
x.clone().copy_(t.ones(4))[0]
x.clone().copy_(3)
x.clone().copy_(t.ones(1,3,4))
r.copy_(x)
x.clone().fill_(2)[0]
x.clone().fill_(z)[0]
x.clone().fill_(t.ones(2))
x.long().fill_(2.5)[0]
x.to(t.uint8).fill_(300)
x.clone().fill_('a')
x.clone().zero_()[0]
x.clone().fill_(1e300)[0]
x.clone().fill_(float('inf'))[0]
t.device('cpu')
t.device('cpu',0)
t.device('cpu:0')
t.device('foo')
t.device(0)
t.device('cpu')==t.device('cpu:0')
t.device('cpu')=='cpu'
str(t.device('cpu:0'))
t.device(t.device('cpu'))
t.device('cpu',-1)
t.device('cpu:-1')
t.device('')
t.device(type='cpu')
t.device(None)
t.device('cpu:x')
hash(t.device('cpu'))==hash(t.device('cpu'))
t.strided
t.contiguous_format
repr(t.channels_last)
t.Size([2,3])
t.Size([2,3]).numel()
t.Size([2,3])+t.Size([1])
t.Size([2,3])+(1,)
(1,)+t.Size([2])
t.Size([2,3])[0:1]
t.Size([2,3])*2
t.Size((2.5,))
t.Size()
t.Size([t.tensor(2)])
str(t.Size([2]))
f'{t.Size([2])}'
x.shape==(3,4)
t.Size([2,3])+[1]
[1]+t.Size([2])
x.layout
x.device
x.is_cuda
x.is_sparse
x.itemsize
x.nbytes
x.is_floating_point()
x.is_complex()
x.is_signed()
t.is_floating_point(x)
x.is_inference()
x.names
x.is_leaf
x.output_nr
x.get_device()
x.has_names()
t.is_nonzero(z)
x.is_nonzero()
x.short().dtype
x.char().dtype
x.byte().dtype
x.int().dtype
t.scalar_tensor(3)
t.scalar_tensor(3,dtype=t.int64)
x.double().dtype
t.result_type(x,1)
t.finfo(t.float32)
t.iinfo(t.int32)
type(np.add(x,x.numpy()))
np.float32(3)*x[0]
np.float64(3)*x[0]
type(np.maximum(x,0))
"""

# ---- Gathering --------------------------------------------------------------------------------------------------------

GATHERING = """
x.gather(0,I)
x.gather(5,I)
x.gather(0,t.zeros(2).long())
x.gather(0,t.zeros(2,5).long())
x.gather(0,t.zeros(5,2).long()).shape
x.gather(0,I.int()).shape
x.gather(0,I.short())
x.gather(0,I.float())
x.gather(0,I-1)
x.gather(0,I+3)
x.gather(0,t.zeros(0).long()).shape
x.gather(0,t.zeros(0,2).long()).shape
z.gather(0,t.tensor(0))
z.gather(0,t.tensor([0]))
x.gather(1,t.tensor(0))
t.zeros(3).gather(0,t.tensor(1))
x.scatter(0,I,t.ones(1,2))
x.scatter(0,I,x.double())
x.scatter(0,I,1)[0]
x.long().scatter(0,I,1.5)[0]
x.scatter(0,I,t.tensor(1.))
x.scatter(0,I,value=2.)[0]
x.scatter(0,I,src=x)[0]
x.scatter(0,I,x,reduce='add')[0]
x.scatter(0,I,x,reduce='foo')[0]
x.scatter(0,I,x,reduce='multiply')[0]
x.scatter(0,I+3,x)
x.scatter(0,t.zeros(5,2).long(),x)
x.scatter(0,I)
x.scatter(0,t.zeros(5,2).long(),1.).shape
x.scatter(0,t.zeros(2,5).long(),1.).shape
x.scatter_add(0,I,x.double())
x.scatter_add(0,I,1.)
x.scatter_add(0,t.zeros(0).long(),x)[0]
x.scatter_reduce(0,I,x,'sum')[0]
x.scatter_reduce(0,I,x,'mean')[0]
x.scatter_reduce(0,I,x,'amax',include_self=False)[0]
x.scatter_reduce(0,I,x,'prod')[0]
x.scatter_reduce(0,I,x,'foo')[0]
x.scatter_reduce(0,I,x,'add')
x.long().scatter_reduce(0,I,x.long()+3,'mean')[0]
x.long().scatter_reduce(0,I,-x.long()-3,'mean')[0]
x.index_select(0,i).shape
x.index_select(0,I)
x.index_select(0,i.float())
x.index_select(0,i-1)
x.index_select(0,i+3)
x.index_select(0,t.tensor(1)).shape
z.index_select(0,t.tensor([0]))
z.index_select(0,t.tensor([0,0]))
z.index_select(0,t.tensor(0))
x.index_select(0,i.short())
x.index_select(0,i.bool())
x.index_add(0,i,x[:2])[0]
x.index_add(0,i,x)
x.index_add(0,i,x[:2],alpha=2)[0]
x.index_add(0,i,x[:2].double())
x.index_add(0,i-1,x[:2])
x.index_add(0,i,x[:2,:3])
x.index_add(0,t.tensor(1),x[0]).shape
x.long().index_add(0,i,x[:2].long(),alpha=1.5)
z.index_add(0,t.tensor([0]),t.tensor([1.]))
z.index_add(0,t.tensor(0),t.tensor(1.))
x.index_add(0,I,x[:2])
x.index_copy(0,i,x[1:])[0]
x.index_copy(0,i,x)
x.index_copy(0,i,x[:2].double())
x.index_copy(0,i-1,x[:2])
x.index_copy(0,t.tensor(1),x[0])
x.index_copy(0,t.tensor(1),x[:1])[1]
z.index_copy(0,t.tensor([0]),t.tensor([1.]))
z.index_copy(0,t.tensor(0),t.tensor(1.))
x.index_copy(0,i,x[:2,:3])
x.index_fill(0,i,5)[0]
x.index_fill(0,i-1,5)[:,0]
x.index_fill(0,i,t.ones(2))
x.index_fill(0,i,z)[0]
x.index_fill(0,i+5,5)
x.index_fill(0,I,5)
x.long().index_fill(0,i,1.5)[0]
z.index_fill(0,t.tensor([0]),1)
x.index_fill(0,i.int(),1)
x.index_put((i,),z)[0]
x.index_put((i,i),t.ones(2))[0]
x.index_put([i],t.ones(3))
x.index_put((I.new_zeros(2),),t.ones(4),accumulate=True)[0]
x.index_put((x>5,),z)[2]
x.index_put(i,z)
x.index_put((i,),1.)
x.index_put((i,i,i),z)
x.index_put((None,i),z)
x.take(t.tensor([0,5]))
x.take(I).shape
x.take(t.tensor(-1))
x.take(t.tensor(12))
x.take(t.tensor(-13))
x.take(i.int())
t.zeros(0).take(i)
x.take(I.float())
t.take_along_dim(x,I,0)
t.take_along_dim(x,t.zeros(3,1).long(),1).shape
t.take_along_dim(x,i)
t.take_along_dim(x,i,0)
t.take_along_dim(x,I.int(),0).shape
t.take_along_dim(x,t.zeros(2,4,1).long(),1)
t.take_along_dim(x,I-1,0)
x.take_along_dim(t.zeros(1,1).long(),1).shape
x.masked_select(x>5)
x.masked_select(x)
x.masked_select(t.tensor([True,False,True,False]))
x.masked_select(t.ones(2,3,4).bool()).shape
x.masked_select(t.tensor([True,False]))
x.masked_select(t.tensor(True)).shape
x.masked_select(t.ones(3,4).byte())
z.masked_select(t.tensor([True,False]))
x.masked_scatter(x>5,x)[2]
x.masked_scatter(x>5,t.ones(2))
x.masked_scatter(x>5,x.double())
x.masked_scatter(x,x)
x.masked_scatter(t.tensor([True,False,False,True]),x)
x.masked_scatter(t.ones(2,3,4).bool(),t.arange(24.)).shape
x.masked_scatter(x>5,5)
r.masked_scatter(r>5,t.ones(6)).grad_fn
x.nonzero().shape
x.nonzero(as_tuple=True)[0].shape
z.nonzero()
t.tensor(0).nonzero()
z.nonzero(as_tuple=True)
t.nonzero(x,as_tuple=False).shape
t.argwhere(x).shape
t.argwhere(z)
t.nonzero(t.zeros(0,3))
t.nonzero(t.tensor([1,0,1])).stride()
x.scatter_(0,I,1.)[0]
x.clone().scatter_(0,I,x,reduce='add')[0]
x.clone().index_fill_(0,i,1)[0]
x.clone().masked_scatter_(x>5,x)[2]
x.clone().index_add_(0,i,x[:2],alpha=1)[0]
t.gather(x,dim=0,index=I).shape
t.scatter(x,0,I,2.)[0]
x.fill_diagonal_(5)
t.rand(3,device='cpu').dtype
x.scatter_add(0,I,r).grad_fn
r.masked_select(r>3).grad_fn
"""

# ---- Random numbers ---------------------------------------------------------------------------------------------------

RANDOM_NUMBERS = """
t.rand(2,3).shape
t.rand((2,3)).shape
t.rand(size=(2,)).shape
t.rand(2,dtype=t.int64)
t.rand(2,generator=g).dtype
t.rand(-1)
t.rand(2,requires_grad=True).requires_grad
t.rand()
t.randn(()).shape
t.randn(2,dtype=t.float16)
t.randn(2,dtype=t.int64)
t.randint(5,(2,)).dtype
t.randint(0,5,(2,)).dtype
t.randint(high=5,size=(2,)).dtype
t.randint(low=0,high=5,size=(2,)).dtype
t.randint(5,5,(2,))
t.randint(0,5,(2,),dtype=t.float32).dtype
t.randint(0,300,(2,),dtype=t.uint8)
t.randint(0,2,(2,),dtype=t.bool)
t.randint(5)
t.randint(5,2)
t.randint(0,5,(2,),generator=g).shape
t.randint(2.5,(2,))
t.randint(-2,2,(2,),dtype=t.uint8)
t.randperm(5).dtype
t.randperm(5,dtype=t.int32).dtype
t.randperm(-1)
t.randperm(5,dtype=t.float32).dtype
t.randperm(300,dtype=t.uint8)
t.randperm(0)
t.randperm(5,generator=g).shape
t.randperm(5.)
t.rand_like(x).shape
t.rand_like(x.long())
t.rand_like(x.long(),dtype=t.float32).dtype
t.randn_like(x,requires_grad=True).requires_grad
t.randint_like(x,5).dtype
t.randint_like(x,2,5).dtype
t.randint_like(x,low=2,high=5).dtype
t.rand_like(x,generator=g).shape
t.rand_like(x.T).stride()
t.normal(0.,1.,(2,)).shape
t.normal(0,1,(2,)).dtype
t.normal(x,1.).shape
t.normal(0.,x+1).shape
t.normal(x,x+1).shape
t.normal(mean=x,std=x[0]+1).shape
t.normal(x,t.ones(3,4,2))
t.normal(0.,-1.,(2,))
t.normal(x,-1.)
t.normal(x,-x)
t.normal(x.long(),1.)
t.normal(0.,1.)
t.normal(x)
t.normal(r,1.).requires_grad
t.normal(0.,1.,size=(2,),dtype=t.float64).dtype
t.normal(x.double(),x+1).dtype
t.normal(x,1.,(2,))
t.bernoulli(t.full((2,),.5)).dtype
t.bernoulli(x)
t.bernoulli(x.long())
t.bernoulli(x,0.5).shape
t.bernoulli(r/100).grad_fn
x.bernoulli(0.5).shape
t.bernoulli(t.full((2,),float('nan')))
x.clone().bernoulli_().shape
x.clone().bernoulli_(0.3).shape
x.clone().bernoulli_(t.full((4,),.5)).shape
x.clone().bernoulli_(2.)
x.long().bernoulli_(0.5).dtype
(r*1).bernoulli_(0.5).requires_grad
t.multinomial(t.ones(5),2).shape
t.multinomial(t.ones(3,5),2).shape
t.multinomial(t.ones(5),6)
t.multinomial(t.ones(5),6,replacement=True).shape
t.multinomial(t.zeros(5),1)
t.multinomial(-t.ones(5),1)
t.multinomial(t.ones(5).long(),1)
t.multinomial(t.ones(2,2,2),1)
t.multinomial(t.ones(5),0)
t.ones(5).multinomial(1).dtype
t.multinomial(t.tensor([1.,0.]),2)
t.multinomial(t.tensor(1.),1)
t.multinomial(t.tensor([float('inf'),1.]),1)
x.clone().uniform_().shape
x.clone().uniform_(1,0)
x.clone().uniform_(from_=1,to=2)
x.clone().uniform_(**{'from':1.,'to':2.}).min()>=1
x.long().uniform_()
x.clone().normal_(0,-1)
x.long().normal_()
x.clone().exponential_(-1)
x.clone().exponential_().shape
x.clone().random_().shape
x.clone().random_(5).max()<5
x.clone().random_(2,5).min()>=2
x.clone().random_(5,5)
x.clone().random_(from_=1)
x.bool().random_().dtype
x.clone().geometric_(0.5).min()>=1
x.clone().geometric_(1.5)
x.clone().geometric_(0)
x.long().geometric_(0.5).dtype
x.clone().log_normal_().shape
x.clone().log_normal_(0,-1)
x.clone().cauchy_().shape
x.clone().cauchy_(0,-1)
r.uniform_()
x.clone().normal_(generator=g).shape
x.expand(2,3,4).normal_()
t.rand(2,generator=5)
x.T.clone().uniform_().shape
"""

FAMILIES = {
    "shapes": SHAPES,
    "square brackets": SQUARE_BRACKETS,
    "creation and conversion": CREATION_AND_CONVERSION,
    "gathering": GATHERING,
    "random numbers": RANDOM_NUMBERS,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_calls_give_what_pytorch_gives(family: str) -> None:
    expressions = FAMILIES[family].split("\n")[1:-1]
    differences = [
        f"{expression}\n    here {here}\n    PyTorch {there}"
        for expression in expressions
        if (here := outcome(framework, expression)) != (there := outcome(torch, expression))
    ]
    assert not differences, "\n".join(differences)
