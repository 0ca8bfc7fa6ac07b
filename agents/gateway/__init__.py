"""The one way from a decided call to a tool: catalogue (what there is), transports (how to reach it), calls (do it).

It decides nothing about permission: who calls `call` has asked `permissions` before.
"""
