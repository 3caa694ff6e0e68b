"""What a campaign said when a try was judged: a row for each of its versions that a try was judged under.

Whatever changes what a voucher says raises the version of its campaign (prices, terms, period, branches), so that a
row is good for all tries of its version. It is written by the first of them, and never changed.
"""

from models import Campaign, CampaignVersion
from quanbao.lib.compiled_queries import statement
from quanbao.vouchers import wallet


def current(campaign: Campaign) -> CampaignVersion:
    """The row of the campaign's version, made where it is the first try's; in the transaction of that try.

    A transaction that finds the version raised at its end takes the row back with all that it wrote.
    """
    if found := _find.first(campaign.id, campaign.version):
        return found
    described = wallet.describe_campaign(campaign, wallet.branches(campaign))
    _insert(campaign=campaign, version=campaign.version, described=described)
    [row] = _find(campaign.id, campaign.version)  # another's, if its try was first
    return row


@statement
def _find(campaign, version):
    this = (CampaignVersion.campaign == campaign) & (CampaignVersion.version == version)
    return CampaignVersion.select().where(this)


@statement
def _insert(**columns):
    return CampaignVersion.insert(columns).on_conflict_ignore()
