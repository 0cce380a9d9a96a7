import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import *
# Prints the rates of TestRates: PyTorch's schedulers, 3 epochs of 10 steps, rate 0.1.
E,P=3,10
T=E*P
def run(make,n=T):
    o=SGD([torch.zeros(1)],lr=0.1); s=make(o); out=[]
    for _ in range(n):
        out.append(o.param_groups[0]['lr']); o.step(); s.step()
    return out
W=5
warm=lambda o:LinearLR(o,start_factor=1/(W+1),total_iters=W)
seq=lambda o,after:SequentialLR(o,[warm(o),after(o)],[W])
cases={
 'warm':lambda o:warm(o),
 'cosine':lambda o:CosineAnnealingLR(o,T_max=T,eta_min=0.001),
 'linear':lambda o:LinearLR(o,1,0.01,total_iters=T),
 'step':lambda o:StepLR(o,P,0.1),
 'onecycle':lambda o:OneCycleLR(o,0.1,total_steps=T,cycle_momentum=False),
 'warmcosine':lambda o:seq(o,lambda o:CosineAnnealingLR(o,T_max=T-W,eta_min=0.001)),
}
for k,m in cases.items():
    r=run(m, T)
    print('"%s": {%s},'%(k,', '.join('%.17g'%r[i] for i in (0,1,4,7,13,20,29))))

# The rates of TestPlateau: after each epoch of that loss, factor 0.5, patience 1, at least 0.02.
losses=[2,1.5,1.49999,1.6,1.4,1.4,1.4,1.4,1.4,float('nan'),1.3,1.31,1.32,1.33,1.34]
o=SGD([torch.zeros(1)],lr=0.1); s=ReduceLROnPlateau(o,factor=0.5,patience=1,min_lr=0.02); out=[]
for l in losses:
    o.step(); s.step(l); out.append(o.param_groups[0]['lr'])
print('plateau',out)
