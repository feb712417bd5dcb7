"""Contains all the data models used in inputs/outputs"""

from .bad_request import BadRequest
from .bad_request_field_violations_item import BadRequestFieldViolationsItem
from .cancel_job_request import CancelJobRequest
from .cancel_job_response import CancelJobResponse
from .check_images_response import CheckImagesResponse
from .create_checkout_request import CreateCheckoutRequest
from .create_checkout_request_type import CreateCheckoutRequestType
from .create_checkout_response import CreateCheckoutResponse
from .create_direct_upload_request import CreateDirectUploadRequest
from .create_direct_upload_request_type import CreateDirectUploadRequestType
from .create_direct_upload_response import CreateDirectUploadResponse
from .create_direct_upload_response_fields import CreateDirectUploadResponseFields
from .create_job_request import CreateJobRequest
from .create_job_request_category import CreateJobRequestCategory
from .create_job_request_garment_photo_type import CreateJobRequestGarmentPhotoType
from .create_job_request_mode import CreateJobRequestMode
from .create_job_request_output_format import CreateJobRequestOutputFormat
from .create_job_response import CreateJobResponse
from .create_portal_request import CreatePortalRequest
from .create_portal_response import CreatePortalResponse
from .credit_package import CreditPackage
from .credit_packages import CreditPackages
from .delete_account_request import DeleteAccountRequest
from .delete_account_response import DeleteAccountResponse
from .delete_image_response import DeleteImageResponse
from .download_image_w import DownloadImageW
from .end_other_sessions_response import EndOtherSessionsResponse
from .end_session_response import EndSessionResponse
from .error import Error
from .error_info import ErrorInfo
from .error_info_metadata import ErrorInfoMetadata
from .forgot_password_request import ForgotPasswordRequest
from .forgot_password_response import ForgotPasswordResponse
from .generate_request import GenerateRequest
from .generate_request_category import GenerateRequestCategory
from .generate_request_garment_photo_type import GenerateRequestGarmentPhotoType
from .generate_request_mode import GenerateRequestMode
from .generate_request_output_format import GenerateRequestOutputFormat
from .generate_response import GenerateResponse
from .generated_image import GeneratedImage
from .get_balance_response import GetBalanceResponse
from .get_balance_response_subscription import GetBalanceResponseSubscription
from .get_contract_response_200 import GetContractResponse200
from .get_direct_upload_response import GetDirectUploadResponse
from .get_direct_upload_response_state import GetDirectUploadResponseState
from .get_health_response_200 import GetHealthResponse200
from .get_job_response import GetJobResponse
from .get_jwks_response import GetJwksResponse
from .get_pricing_response import GetPricingResponse
from .get_profile_response import GetProfileResponse
from .get_retention_response import GetRetentionResponse
from .grant_balance import GrantBalance
from .grant_balance_source import GrantBalanceSource
from .image import Image
from .image_metadata import ImageMetadata
from .image_type import ImageType
from .job import Job
from .job_error import JobError
from .job_error_field import JobErrorField
from .job_stage import JobStage
from .job_status import JobStatus
from .json_web_key import JsonWebKey
from .json_web_key_alg import JsonWebKeyAlg
from .json_web_key_crv import JsonWebKeyCrv
from .json_web_key_kty import JsonWebKeyKty
from .json_web_key_use import JsonWebKeyUse
from .list_images_response import ListImagesResponse
from .list_jobs_response import ListJobsResponse
from .list_sessions_response import ListSessionsResponse
from .list_transactions_response import ListTransactionsResponse
from .login_request import LoginRequest
from .login_response import LoginResponse
from .logout_request import LogoutRequest
from .logout_response import LogoutResponse
from .plan import Plan
from .problem import Problem
from .problem_field import ProblemField
from .receive_cloudinary_notification_body import ReceiveCloudinaryNotificationBody
from .receive_cloudinary_notification_response import (
    ReceiveCloudinaryNotificationResponse,
)
from .receive_fal_webhook_body import ReceiveFalWebhookBody
from .receive_fal_webhook_response import ReceiveFalWebhookResponse
from .receive_replicate_webhook_body import ReceiveReplicateWebhookBody
from .receive_replicate_webhook_response import ReceiveReplicateWebhookResponse
from .receive_webhook_body import ReceiveWebhookBody
from .receive_webhook_response import ReceiveWebhookResponse
from .refresh_session_request import RefreshSessionRequest
from .refresh_session_response import RefreshSessionResponse
from .register_request import RegisterRequest
from .register_response import RegisterResponse
from .resend_verification_request import ResendVerificationRequest
from .resend_verification_response import ResendVerificationResponse
from .reset_password_request import ResetPasswordRequest
from .reset_password_response import ResetPasswordResponse
from .save_image_request import SaveImageRequest
from .save_image_request_metadata import SaveImageRequestMetadata
from .save_image_response import SaveImageResponse
from .session import Session
from .set_retention_request import SetRetentionRequest
from .set_retention_response import SetRetentionResponse
from .subscriptions import Subscriptions
from .transaction import Transaction
from .transaction_status import TransactionStatus
from .transaction_type import TransactionType
from .update_profile_request import UpdateProfileRequest
from .update_profile_response import UpdateProfileResponse
from .upload_form import UploadForm
from .upload_form_type import UploadFormType
from .upload_image_response import UploadImageResponse
from .user import User
from .user_subscription import UserSubscription
from .verify_email_request import VerifyEmailRequest
from .verify_email_response import VerifyEmailResponse
from .watch_job_response_200 import WatchJobResponse200

__all__ = (
    "BadRequest",
    "BadRequestFieldViolationsItem",
    "CancelJobRequest",
    "CancelJobResponse",
    "CheckImagesResponse",
    "CreateCheckoutRequest",
    "CreateCheckoutRequestType",
    "CreateCheckoutResponse",
    "CreateDirectUploadRequest",
    "CreateDirectUploadRequestType",
    "CreateDirectUploadResponse",
    "CreateDirectUploadResponseFields",
    "CreateJobRequest",
    "CreateJobRequestCategory",
    "CreateJobRequestGarmentPhotoType",
    "CreateJobRequestMode",
    "CreateJobRequestOutputFormat",
    "CreateJobResponse",
    "CreatePortalRequest",
    "CreatePortalResponse",
    "CreditPackage",
    "CreditPackages",
    "DeleteAccountRequest",
    "DeleteAccountResponse",
    "DeleteImageResponse",
    "DownloadImageW",
    "EndOtherSessionsResponse",
    "EndSessionResponse",
    "Error",
    "ErrorInfo",
    "ErrorInfoMetadata",
    "ForgotPasswordRequest",
    "ForgotPasswordResponse",
    "GeneratedImage",
    "GenerateRequest",
    "GenerateRequestCategory",
    "GenerateRequestGarmentPhotoType",
    "GenerateRequestMode",
    "GenerateRequestOutputFormat",
    "GenerateResponse",
    "GetBalanceResponse",
    "GetBalanceResponseSubscription",
    "GetContractResponse200",
    "GetDirectUploadResponse",
    "GetDirectUploadResponseState",
    "GetHealthResponse200",
    "GetJobResponse",
    "GetJwksResponse",
    "GetPricingResponse",
    "GetProfileResponse",
    "GetRetentionResponse",
    "GrantBalance",
    "GrantBalanceSource",
    "Image",
    "ImageMetadata",
    "ImageType",
    "Job",
    "JobError",
    "JobErrorField",
    "JobStage",
    "JobStatus",
    "JsonWebKey",
    "JsonWebKeyAlg",
    "JsonWebKeyCrv",
    "JsonWebKeyKty",
    "JsonWebKeyUse",
    "ListImagesResponse",
    "ListJobsResponse",
    "ListSessionsResponse",
    "ListTransactionsResponse",
    "LoginRequest",
    "LoginResponse",
    "LogoutRequest",
    "LogoutResponse",
    "Plan",
    "Problem",
    "ProblemField",
    "ReceiveCloudinaryNotificationBody",
    "ReceiveCloudinaryNotificationResponse",
    "ReceiveFalWebhookBody",
    "ReceiveFalWebhookResponse",
    "ReceiveReplicateWebhookBody",
    "ReceiveReplicateWebhookResponse",
    "ReceiveWebhookBody",
    "ReceiveWebhookResponse",
    "RefreshSessionRequest",
    "RefreshSessionResponse",
    "RegisterRequest",
    "RegisterResponse",
    "ResendVerificationRequest",
    "ResendVerificationResponse",
    "ResetPasswordRequest",
    "ResetPasswordResponse",
    "SaveImageRequest",
    "SaveImageRequestMetadata",
    "SaveImageResponse",
    "Session",
    "SetRetentionRequest",
    "SetRetentionResponse",
    "Subscriptions",
    "Transaction",
    "TransactionStatus",
    "TransactionType",
    "UpdateProfileRequest",
    "UpdateProfileResponse",
    "UploadForm",
    "UploadFormType",
    "UploadImageResponse",
    "User",
    "UserSubscription",
    "VerifyEmailRequest",
    "VerifyEmailResponse",
    "WatchJobResponse200",
)
