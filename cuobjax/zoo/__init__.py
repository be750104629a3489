"""Networks that are known by name; `import cuobjax` alone does not import them."""

from .convnet import ConvNet
from .dnnet import DNNet
from .resnet_v2 import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, ResNet200, ResNetV2
from .rnn import RNN
from .vgg import VGG19
from .wide_resnet import WideResNet, WideResNetGeneral, WRNBlock

__all__ = [
    "RNN", "VGG19", "ConvNet", "DNNet", "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152", "ResNet200",
    "ResNetV2", "WRNBlock", "WideResNet", "WideResNetGeneral",
]  # fmt: skip
