"""What a campaign said when a try was judged: a row for each of its versions that a try was judged under.

Whatever changes what a voucher says raises the version of its campaign (prices, terms, period, branches), so that a
row is good for all tries of its version. It is written by the first of them, and never changed.
"""

from models import Campaign, CampaignVersion
from quanbao.lib.compiled_queries import statement
from quanbao.redemption import queries
from quanbao.vouchers import wallet


def make(campaign: Campaign) -> CampaignVersion:
    """The row of the campaign's version; in the transaction of the first try that is judged under it.

    That transaction looks at the version again at its end: where it was raised meanwhile, the row is taken back with
    all else that was written.
    """
    [whole] = queries.campaign(campaign.id)
    described = wallet.describe_campaign(whole, wallet.branches(whole))
    _insert(campaign=campaign.id, version=campaign.version, described=described)
    [row] = _find(campaign.id, campaign.version)  # another's, if its try was first
    return row


@statement
def _find(campaign, version):
    this = (CampaignVersion.campaign == campaign) & (CampaignVersion.version == version)
    return CampaignVersion.select().where(this)


@statement
def _insert(**columns):
    return CampaignVersion.insert(columns).on_conflict_ignore()
