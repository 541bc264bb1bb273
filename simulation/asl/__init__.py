"""An interpreter of the Amazon States Language on a virtual clock.

Source: the States Language specification (states-language.net) and the Step Functions Developer Guide. It refuses what
it does not know, so that it cannot run a flow otherwise than AWS without saying so.
"""
