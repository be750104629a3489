"""Networks that are known by name; `import cuobjax` alone does not import them."""

from .convnet import ConvNet
from .dnnet import DNNet
from .gpt import GPT
from .resnet_v2 import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, ResNet200, ResNetV2
from .rnn import RNN
from .vgg import VGG19
from .vit import ViT
from .wide_resnet import WideResNet, WideResNetGeneral, WRNBlock

__all__ = [
    "GPT", "RNN", "VGG19", "ConvNet", "DNNet", "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152",
    "ResNet200", "ResNetV2", "ViT", "WRNBlock", "WideResNet", "WideResNetGeneral",
]  # fmt: skip
