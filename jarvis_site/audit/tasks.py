from jarvis_site.audit import anchors, sealing
from jarvis_site.kernel.ticks import tick


@tick("audit.seal", every=0.5, lag=sealing.lag)
def seal() -> None:
    sealing.seal()


@tick("audit.anchor", every=600.0)
def anchor() -> None:
    """Once a day; looked at more often, because the one who leads may have changed."""
    anchors.anchor_when_due()
