"""The process that made decisions.parquet and events.parquet, and what policies are truly worth in it.

    python make_newsletter_data.py [--users 4500] [--weeks 7] [--seed 1] [--output .]

Every number of the truth stands in waze_data_tfx/bandits/simulators/world.py: five hidden segments of readers, twelve
recommenders of which three drift, a week with its weekend, and `mystery_discount`, which earns the most clicks and half of
them end the subscription. Who unsubscribes gets nothing any more. The log was written by a policy that favours what was
clicked most and explores a quarter of the time; its propensities are exact.
"""

import argparse
from pathlib import Path

from waze_data_tfx.bandits.simulators import newsletter, tables

WINDOW_DAYS = 28


def main() -> None:
    """Write the two files and print what policies are truly worth in their last four weeks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=4500)
    parser.add_argument("--weeks", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    log = tables.write_logs(arguments.output, weeks=arguments.weeks, n_users=arguments.users, seed=arguments.seed)
    print(f"{arguments.output}: {len(log)} decisions of {arguments.weeks} weeks")
    contexts = log.contexts.take(log.contexts.day >= 7 * arguments.weeks - WINDOW_DAYS)
    name, single = newsletter.best_single_arm(contexts)
    worth = {
        "the logging policy": newsletter.replay(contexts, newsletter.popularity),
        "every eligible arm alike": newsletter.replay(contexts, newsletter.uniform),
        f"the best single arm ({name})": single,
        "most clicks, whoever leaves": newsletter.replay(contexts, newsletter.most_clicked),
        "the best policy": newsletter.replay(contexts, newsletter.best),
    }
    print(f"true values of the last {WINDOW_DAYS} days, per decision:")
    for policy, value in worth.items():
        print(f"  {policy:32} reward {value.reward:.3f}  clicks {value.click:.3f}  unsubscribes {value.unsubscribe:.4f}")


if __name__ == "__main__":
    main()
