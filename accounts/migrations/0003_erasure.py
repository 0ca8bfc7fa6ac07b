import django.db.models.deletion
import django.db.models.functions.datetime
import jarvis_site.kernel.ids
import jarvis_site.kernel.tenancy.constraints
import jarvis_site.kernel.tenancy.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_dataexport_emaildomain_identity_identityprovider_and_more'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=jarvis_site.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('account_id', models.UUIDField(null=True)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed')], default='waiting', max_length=8)),
                ('progress', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(null=True)),
                ('member', jarvis_site.kernel.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.membership')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.organization')),
                ('requested_by', jarvis_site.kernel.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.membership')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('organization', 'id'), name='accounts_erasure_tenant_key'), jarvis_site.kernel.tenancy.constraints.TenantPolicy(append_only=False, name='accounts_erasure_tenant', picker=False, platform_deletes=False), jarvis_site.kernel.tenancy.constraints.TenantFK(field='member', name='accounts_erasure_member_tenant'), jarvis_site.kernel.tenancy.constraints.TenantFK(field='requested_by', name='accounts_erasure_requested_by_tenant'), models.UniqueConstraint(fields=('organization', 'member'), name='accounts_erasure_once')],
            },
        ),
    ]
