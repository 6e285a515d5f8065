"""The network: a ResNet-18 for small gray faces, and how it is initialised."""

from __future__ import annotations

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut (He et al. 2016, https://arxiv.org/abs/1512.03385)."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        y: Tensor = self.relu(self.bn2(self.conv2(x)) + shortcut)
        return y


class ResNetFER(nn.Module):
    """ResNet-18 for (N, 1, 48, 48) faces; torchvision's parameter names in the backbone.

    n_classes: length of a row of logits
    width: channels of the first stage; 64 is ResNet-18, the stages have width × 1, 2, 4, 8
    stem_stride: 1 keeps the picture's full resolution through the first stage, 2 halves it
        (a quarter of the work)
    dropout: before the head; half of it before its last layer
    """

    def __init__(
        self, n_classes: int = 7, width: int = 64, stem_stride: int = 1, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, stem_stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(8 * width, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout / 2),
            nn.Linear(256, n_classes),
        )
        nn.init.kaiming_normal_(self.conv1.weight, nonlinearity="relu")

    def features(self, x: Tensor) -> Tensor:
        """Return the last feature maps, (N, 8·width, h, w), of normalised (N, 1, H, W) faces."""
        x = self.relu(self.bn1(self.conv1(x)))  # (N, 64, 48, 48)
        x = self.layer1(x)  # (N, 64, 48, 48)
        x = self.layer2(x)  # (N, 128, 24, 24)
        x = self.layer3(x)  # (N, 256, 12, 12)
        features: Tensor = self.layer4(x)  # (N, 512, 6, 6)
        return features

    def backbone(self) -> list[nn.Module]:
        """Return everything but the head, the part that published ResNet-18 weights fill."""
        return [self.conv1, self.bn1, self.layer1, self.layer2, self.layer3, self.layer4]

    def keep_outputs(self, chosen: slice) -> None:
        """Drop all outputs but the chosen ones."""
        last = self.head[-1]
        last.weight = nn.Parameter(last.weight.detach()[chosen].clone())
        last.bias = nn.Parameter(last.bias.detach()[chosen].clone())
        last.out_features = len(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C) of normalised (N, 1, H, W) faces."""
        pooled = self.features(x).mean(dim=(2, 3))  # (N, 512)
        logits: Tensor = self.head(pooled)  # (N, C)
        return logits


def _stage(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(c_in, c_out, stride), BasicBlock(c_out, c_out))
