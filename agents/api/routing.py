"""The one router of runs: an address with several methods must stand in one."""

from ninja import Router

router = Router()
