"""The agents: the table of them by the name that the config gives, and how one is made.

A new one is a subclass of `base.Agent` and one line here, or stays in the user's files and is named by its dotted path.
"""

AGENTS: dict[str, str] = {
    "linucb": "waze_data_tfx.bandits.agents.linucb:LinUCB",
    "lin_ts": "waze_data_tfx.bandits.agents.thompson:LinearThompson",
}
