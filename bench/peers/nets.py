"""The models of imgcls as PyTorch users write them."""
import torch
import torch.nn.functional as F
from torch import nn


class CifarNet(nn.Module):
    """The net of the tutorial "Training a Classifier"."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


# By imgcls's name: the net for 10 classes, the size of its pictures, what its recipe sets
# in SGD. A model of imgcls that is not here is named by the tables and left out.
MODELS = {"cifar-net": (CifarNet, 32, {"lr": 0.001, "momentum": 0.9})}


