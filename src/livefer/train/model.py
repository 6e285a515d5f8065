"""The network: a ResNet-18 for small gray faces, with torchvision's names in the backbone."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut (He et al. 2016, https://arxiv.org/abs/1512.03385)."""

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, shortcut: bool = True, se: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.se = SqueezeExcitation(c_out) if se else nn.Identity()
        self.shortcut = shortcut
        self.downsample: nn.Module | None = None
        if not shortcut:
            return
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.se(self.bn2(self.conv2(y)))
        if self.shortcut:
            y = y + (x if self.downsample is None else self.downsample(x))
        out: Tensor = self.relu(y)
        return out


class SqueezeExcitation(nn.Module):
    """Weights for the channels from the mean of each over the whole picture.

    Hu et al. 2018, https://arxiv.org/abs/1709.01507
    """

    def __init__(self, c: int, reduction: int = 16) -> None:
        super().__init__()
        c_inner = max(c // reduction, 4)
        self.weigh = nn.Sequential(
            nn.Linear(c, c_inner), nn.ReLU(inplace=True), nn.Linear(c_inner, c), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.weigh(x.mean(dim=(2, 3)))  # (N, C)
        return x * weights[:, :, None, None]


class ResNetFER(nn.Module):
    """ResNet-18 for faces (N, 1, 48, 48), and its relatives.

    n_classes: length of a row of logits
    width: channels of the first stage; the stages have width × 1, 2, 4, 8; 64 is ResNet-18
    stem_stride: 1 keeps the full resolution through the first stage, 2 halves it (a quarter of the
        work)
    dropout: before the head; half of it before its last layer
    blocks: blocks of two convolutions in each stage; 3, 4, 6, 3 is ResNet-34
    shortcuts: False is a plain network, as VGG is
    se: squeeze and excitation in every block
    """

    def __init__(
        self,
        n_classes: int = 7,
        width: int = 64,
        stem_stride: int = 1,
        dropout: float = 0.5,
        blocks: Sequence[int] = (2, 2, 2, 2),
        shortcuts: bool = True,
        se: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, stem_stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

        def stage(c_in: int, c_out: int, stride: int, n_blocks: int) -> nn.Sequential:
            first = BasicBlock(c_in, c_out, stride, shortcuts, se)
            rest = (BasicBlock(c_out, c_out, 1, shortcuts, se) for _ in range(n_blocks - 1))
            return nn.Sequential(first, *rest)

        self.layer1 = stage(width, width, 1, blocks[0])
        self.layer2 = stage(width, 2 * width, 2, blocks[1])
        self.layer3 = stage(2 * width, 4 * width, 2, blocks[2])
        self.layer4 = stage(4 * width, 8 * width, 2, blocks[3])
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
        """Return everything but the head: the part that published ResNet-18 weights fill."""
        return [self.conv1, self.bn1, self.layer1, self.layer2, self.layer3, self.layer4]

    def norms(self) -> dict[str, str]:
        """Return the name of the BatchNorm behind each convolution, by that of the convolution."""
        convolutions = [n for n, part in self.named_modules() if isinstance(part, nn.Conv2d)]
        return {
            n: n.replace("conv", "bn").replace("downsample.0", "downsample.1") for n in convolutions
        }

    def keep_outputs(self, chosen: slice) -> None:
        """Remove all outputs of the last layer but the chosen ones."""
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        last.weight = nn.Parameter(last.weight.detach()[chosen].clone())
        last.bias = nn.Parameter(last.bias.detach()[chosen].clone())
        last.out_features = len(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C) of normalised (N, 1, H, W) faces."""
        pooled = self.features(x).mean(dim=(2, 3))  # (N, 512)
        logits: Tensor = self.head(pooled)  # (N, C)
        return logits
